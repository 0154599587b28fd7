"""The scale of a run, and images of another one."""

from pathlib import Path

import numpy as np
import pytest

from livergrade.errors import UserError
from livergrade.evaluation.scale import (
    Scale,
    in_words,
    is_of_scale,
    other_scale,
    read_scale,
    scale_of,
    write_scale,
)
from livergrade.io.files import write_json


def scale(*fields: float) -> Scale:
    found = scale_of(np.array(fields), 64)
    assert found
    return found


def test_a_scale_is_known_only_if_that_of_every_training_image_is() -> None:
    assert scale(640.0, 700.0, 690.0) == {
        "images": 3,
        "low": 640.0,
        "median": 690.0,
        "high": 700.0,
        "network_um": 690 / 64,
    }
    assert scale_of(np.array([640.0, np.nan]), 64) is None
    assert scale_of(np.array([]), 64) is None


def test_what_is_written_is_read_and_without_a_file_it_is_unknown(tmp_path: Path) -> None:
    write_scale(tmp_path, None)
    assert read_scale(tmp_path / "scale.json") is None
    write_scale(tmp_path, scale(640.0, 700.0))
    assert read_scale(tmp_path / "scale.json") == scale(640.0, 700.0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"low": 800.0}, "no rising fields of view"),
        ({"low": -1.0}, "no rising fields of view"),
        ({"high": 1e9}, "no rising fields of view"),
        ({"network_um": 0.0}, "not a size of a network pixel"),
        ({"median": "wide"}, "median"),
    ],
)
def test_a_damaged_scale_is_told(tmp_path: Path, wrong: dict[str, object], told: str) -> None:
    write_json({**scale(640.0, 700.0)} | wrong, tmp_path / "scale.json")
    with pytest.raises(UserError, match=told):
        read_scale(tmp_path / "scale.json")


def test_scales_differ_by_a_quarter_of_the_field_of_view() -> None:
    of_run = scale(640.0, 700.0)
    for field, same in ((640 / 1.26, False), (640 / 1.24, True), (700 * 1.24, True), (700 * 1.26, False)):
        assert is_of_scale(field, of_run) is same
        assert (other_scale(field, of_run) is None) is same


def test_both_scales_are_named_with_what_to_do() -> None:
    of_run = scale(640.0)
    wider, narrower = other_scale(1280.0, of_run), other_scale(320.0, of_run)
    assert wider == (
        "shows 1280 µm on its shorter side, 20 µm per network pixel, and the run's training images 640 µm, "
        "10 µm per network pixel; cut images of 640 µm, or correct mpp"
    )
    assert narrower
    assert "320 µm" in narrower
    assert "shows more tissue, or correct mpp" in narrower


def test_a_sentence_tells_the_scale_or_that_it_is_unknown() -> None:
    assert in_words(None).startswith("Scale: unknown.")
    assert "show 640 µm of tissue on their shorter side, 10 µm per network pixel" in in_words(scale(640.0))
    assert "show 600 to 700 (median 650) µm" in in_words(scale(600.0, 650.0, 700.0))
