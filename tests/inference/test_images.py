"""Image files graded, and graded on where an earlier start ended."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from livergrade.config.schema import PredictConfig
from livergrade.inference.grader import Grader
from livergrade.inference.images import grade_images, graded_row
from livergrade.inference.inputs import Input
from livergrade.io.images import read_square
from livergrade.io.kept import Kept
from livergrade.io.pixel_reading import AS_FILED, PixelReading
from tests.conftest import GRADES, draw_image


def test_a_row_is_the_mean_of_its_views() -> None:
    row = graded_row(np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.7, 0.2, 0.1]]), GRADES)
    assert row["predicted"] == "poor"
    assert [row[f"p_{grade}"] for grade in GRADES] == pytest.approx([0.5, 1 / 3, 1 / 6])
    assert row["spread"] == pytest.approx(np.std([0.6, 0.2, 0.7]))
    assert row["agree"] == pytest.approx(2 / 3)


def test_one_view_has_no_spread_and_agrees_with_nothing(tmp_path: Path) -> None:
    row = graded_row(np.array([[0.6, 0.3, 0.1]]), GRADES)
    assert np.isnan(row["spread"])
    assert np.isnan(row["agree"])
    draw_image(tmp_path / "0.png", 0, 0)
    table, _ = graded([tmp_path / "0.png"], ByBrightness(), tmp_path)
    assert table[["spread", "agree"]].isna().all(axis=None)
    again, _ = graded([tmp_path / "0.png"], ByBrightness(), tmp_path)
    pd.testing.assert_frame_equal(again, table)
    head, cells = (line.split(",") for line in (tmp_path / "images.csv").read_text().splitlines())
    assert cells[head.index("spread")] == cells[head.index("agree")] == ""


class ByBrightness:
    """Grades the brighter the better, and keeps how many squares it was shown."""

    def __init__(self) -> None:
        self.classes, self.size, self.shown = list(GRADES), 16, 0
        self.scale, self.reading, self.ensemble = None, AS_FILED, False
        self.appearance, self.device = None, torch.device("cpu")

    read_ahead = Grader.read_ahead

    def read(self, path: Path, mpp: float | None, reading: PixelReading) -> np.ndarray:
        return read_square(path, self.size, reading)

    def grade_members(self, squares: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        self.shown += len(squares)
        better = squares.float().mean((1, 2, 3)).numpy() / 255
        return np.stack([1 - better, 0 * better, better], 1)[:, None], np.full(len(squares), np.nan)

    def distances(self, appearance: np.ndarray) -> np.ndarray:
        return np.zeros(len(appearance))

    def ood_score(self, distance: float) -> dict[str, float]:
        return {"distance": distance, "unlike": 0.0}


def as_it_is(table: pd.DataFrame, level: str) -> pd.DataFrame:
    assert level == "image"
    return table.assign(set="", answer=table["predicted"])


def graded(paths: Sequence[Path], grader: ByBrightness, out: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    failed: dict[str, str] = {}
    images = [Input(path, "007", False) for path in paths]
    config = PredictConfig(batch_size=2, workers=1)
    kept = Kept(out / "kept" / "record.json")
    return grade_images(images, grader, config, out, failed, as_it_is, kept), failed  # type: ignore[arg-type]


def test_a_second_start_grades_what_is_missing(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        draw_image(path, number, number)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    grader = ByBrightness()
    first, failed = graded([*paths[:2], broken], grader, tmp_path)
    assert list(failed) == [str(broken)]
    assert grader.shown == 2
    both, _ = graded(paths, grader, tmp_path)
    assert grader.shown == 3
    pd.testing.assert_frame_equal(both.iloc[:2], first)
    assert both["image"].tolist() == [str(path) for path in paths]
    assert set(both["patient"]) == {"007"}
    assert both["p_well"].is_monotonic_increasing
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "images.csv")[["p_well"]], both[["p_well"]])
