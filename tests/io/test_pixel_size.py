"""Pixel sizes as people type them into a slide table."""

import pytest

from livergrade.config.fields import options
from livergrade.config.schema import ExplainConfig, PredictConfig, PrepareConfig, TrainConfig
from livergrade.io.pixel_size import LIKELY_UM, read_mpp


@pytest.mark.parametrize(
    ("cell", "size"), [("0.25", 0.25), (" 0.5 ", 0.5), ("", None), ("  ", None), ("5e-1", 0.5), (".05", 0.05)]
)
def test_a_size_is_read(cell: str, size: float | None) -> None:
    assert read_mpp(cell) == size


@pytest.mark.parametrize("cell", ["0,5", "nan", "inf", "0.5um", "half", "0_5", "٠.٥", "1e", "-"])
def test_what_is_no_number_is_told(cell: str) -> None:
    with pytest.raises(ValueError, match=r"is not a number; give µm per pixel, 0\.05 to 20, as 0\.25"):
        read_mpp(cell)


@pytest.mark.parametrize("cell", ["-0.5", "0", "250", "0.0499", "20.01", "1e400"])
def test_what_no_scanner_makes_is_told(cell: str) -> None:
    with pytest.raises(ValueError, match="is not a size of a microscope's pixels"):
        read_mpp(cell)


@pytest.mark.parametrize("schema", [PrepareConfig(), PredictConfig(), TrainConfig(), ExplainConfig()])
def test_the_options_have_the_same_bounds(schema: object) -> None:
    names = ("mpp", "data.mpp", "slide_mpp")
    items = [item for key, item, _ in options(schema) if key in names]
    assert items
    assert {(item.metadata["low"], item.metadata["high"]) for item in items} == {LIKELY_UM}
