"""The scale of a cohort: known, mixed, or another than a run's."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort, from_manifest
from livergrade.data.patient_alias import CohortError
from livergrade.data.scale import (
    check_scale,
    fields_of_view,
    log_scale,
    pixel_sizes,
    refuse_other_scale,
    training_scale,
)
from livergrade.errors import UserError
from livergrade.evaluation.scale import scale_of
from tests.conftest import GRADES, draw_image

SIZES = ((44, 40), (88, 80), (44, 40), (44, 40))


def cohort(folder: Path, *cells: str) -> Cohort:
    """Images of :data:`SIZES` whose rows have these cells in the column ``mpp``."""
    lines = ["image,patient,grade,mpp"]
    for number, (size, cell) in enumerate(zip(SIZES, cells, strict=True)):
        draw_image(folder / f"{number}.png", number, number % 3, size)
        lines.append(f'{number}.png,P{number},{GRADES[number % 3]},"{cell}"')
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n")
    return from_manifest(folder / "cohort.csv", list(GRADES))


def test_the_column_counts_before_the_option(tmp_path: Path) -> None:
    images = cohort(tmp_path, "0.5", " 0.25 ", "", "1")
    np.testing.assert_equal(pixel_sizes(images, None), [0.5, 0.25, np.nan, 1.0])
    np.testing.assert_equal(fields_of_view(images, 2.0), [20.0, 20.0, 80.0, 40.0])
    (tmp_path / "0.png").unlink()
    np.testing.assert_equal(fields_of_view(images, None), [np.nan, 20.0, np.nan, 40.0])


def test_all_rows_of_an_impossible_size_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(CohortError) as told:
        cohort(tmp_path, "0,5", "nan", "250", "0.5um")
    for row, cell in zip(range(2, 6), ("0,5", "nan", "250", "0.5um"), strict=True):
        assert f"row {row}: mpp '{cell}' is not a " in str(told.value)


@pytest.mark.parametrize(
    ("cells", "problem", "found", "fix"),
    [
        (("", "", "", ""), False, "not known", ""),
        (("0.5", "0.25", "0.5", "0.5"), False, "4 show 20 µm (0.25, 0.5 µm per pixel)", ""),
        (("0.5", "0.25", "0.5", ""), True, "1 are of unknown scale", "give the column mpp"),
        (
            ("0.5", "0.25", "1", "1"),
            True,
            "2 show 20 µm (0.25, 0.5 µm per pixel), 2 show 40 µm (1 µm per pixel)",
            "2 times the smallest",
        ),
    ],
)
def test_check_counts_magnifications(
    tmp_path: Path, cells: tuple[str, ...], problem: bool, found: str, fix: str
) -> None:
    level, what, message, remedy = check_scale(cohort(tmp_path, *cells), None)
    assert (level, what) == (problem, "scale")
    assert found in message
    assert fix in remedy


def test_a_runs_scale_is_of_its_training_images_and_views(tmp_path: Path) -> None:
    images, config = cohort(tmp_path, "0.5", "0.25", "0.5", "1"), TrainConfig()
    config.data.image_size, config.augment.border = 20, "crop"
    split = pd.DataFrame({"split": ["train", "train", "val", "test"]})
    found = training_scale(config, images, split)
    assert found
    assert (found["images"], found["low"], found["high"]) == (2, 20.0, 20.0)
    assert found["network_um"] == pytest.approx(1 / np.sqrt(2))


def test_a_run_says_its_scale_only_where_it_is_known(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    split = pd.DataFrame({"split": ["train"] * 4})
    log_scale(TrainConfig(), cohort(tmp_path, "", "", "", ""), split)
    assert not caplog.messages
    log_scale(TrainConfig(), cohort(tmp_path, "0.5", "0.25", "1", "0.5"), split)
    assert "scale: 3 show 20 µm" in caplog.messages[0]
    assert "Scale: training images show 20 to 40 (median 20) µm" in caplog.messages[1]


def test_another_cohort_of_another_scale_is_refused_with_all_images(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    of_run = scale_of(np.array([20.0]), 20)
    refuse_other_scale(cohort(tmp_path, "0.5", "0.25", "0.55", ""), None, of_run)
    assert (
        "the scale of 1 of 4 images is not known; they are treated as images of the run's 20 µm"
        in caplog.text
    )
    refuse_other_scale(cohort(tmp_path, "0.5", "0.25", "0.5", ""), None, None)
    assert "the run's scale is not known" in caplog.text
    with pytest.raises(UserError) as told:
        refuse_other_scale(cohort(tmp_path, "0.5", "0.5", "0.25", "0.5"), None, of_run)
    assert "2 of 4 images are of another scale" in str(told.value)
    assert "1.png shows 40 µm on its shorter side, 2 µm per network pixel" in str(told.value)
    assert "2.png shows 10 µm" in str(told.value)
