"""Near duplicates across the split: told before the first epoch, and written."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from livergrade.data.duplicates import NearDuplicate
from livergrade.training.near_duplicates import NearDuplicatesAcrossSplit, pair_lines, pairs_table
from tests.conftest import TINY, train, write_cohort
from tests.data.test_duplicates import tissue

IMAGES = pd.DataFrame(
    {
        "image": ["a.png", "b.png", "c.png"],
        "patient": ["P1", "P2", "P3"],
        "grade": ["poor", "well", "poor"],
        "split": ["train", "test", "train"],
    }
)


def test_a_pair_is_told_with_patients_grades_and_sides() -> None:
    table = pairs_table(IMAGES, [NearDuplicate(0, 1, 0.9), NearDuplicate(1, 2, 0.8)])
    assert pair_lines(table, most=1) == ["a.png (P1, poor, train) and b.png (P2, well, test)", "and 1 more"]
    assert pair_lines(pairs_table(IMAGES.drop(columns="split"), [NearDuplicate(0, 1, 0.9)])) == [
        "a.png (P1, poor) and b.png (P2, well)"
    ]
    assert pairs_table(IMAGES, []).columns[-1] == "similarity"


def test_the_look_before_the_first_epoch(
    tiny_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The callback alone: the cohort of a run, in which a test image is a turned copy of a training image."""
    from types import SimpleNamespace

    from livergrade.data.datamodule import GradingData

    data = GradingData.__new__(GradingData)
    data.split = pd.read_csv(tiny_run / "split.csv")
    pictures = [tissue(number)[:, 32:224] for number in range(len(data.split))]
    trained, tested = (int(data.split.index[data.split["split"] == part][0]) for part in ("train", "test"))
    pictures[tested] = np.rot90(pictures[trained]).copy()
    data.squares = lambda rows: np.array([pictures[row] for row in rows])  # type: ignore[method-assign]
    look = NearDuplicatesAcrossSplit(tmp_path)
    look.on_fit_start(SimpleNamespace(datamodule=data, is_global_zero=False), None)  # type: ignore[arg-type]
    assert not (tmp_path / "near_duplicates.csv").exists()
    look.on_fit_start(SimpleNamespace(datamodule=data, is_global_zero=True), None)  # type: ignore[arg-type]
    (pair,) = pd.read_csv(tmp_path / "near_duplicates.csv").to_dict("records")
    assert {pair["image_1"], pair["image_2"]} == {data.split["image"][trained], data.split["image"][tested]}
    assert "1 pair of images of different patients" in caplog.text


def test_a_run_without_copies_has_a_table_without_rows(tiny_run: Path) -> None:
    assert len(pd.read_csv(tiny_run / "near_duplicates.csv")) == 0


@pytest.mark.slow
def test_a_copy_in_the_test_set_is_told_before_training(
    small: list[str], tiny_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    manifest = write_cohort(tmp_path)
    split = pd.read_csv(tiny_run / "split.csv").set_index("image")["split"]
    for number, image in enumerate(split.index):
        Image.fromarray(tissue(number)).save(tmp_path / image)
    (trained, *_), (tested, *_) = (split.index[split == part] for part in ("train", "test"))
    with Image.open(tmp_path / trained) as original:
        original.transpose(Image.Transpose.ROTATE_90).resize((96, 128)).save(tmp_path / tested)
    words = [f"data.manifest={manifest}", f"hydra.run.dir={tmp_path / 'run'}", "trainer.limit_batches=1"]
    train(*TINY, *small, *words, outputs=tmp_path)
    (pair,) = pd.read_csv(tmp_path / "run" / "near_duplicates.csv").to_dict("records")
    assert {pair["image_1"], pair["image_2"]} == {trained, tested}
    assert {pair["split_1"], pair["split_2"]} == {"train", "test"}
    told = capfd.readouterr().out
    assert "near duplicates across the split: 1 pair of images of different patients" in told
    assert f"all pairs: {tmp_path / 'run' / 'near_duplicates.csv'}" in told
