"""What looks like the training images and what does not."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import LedoitWolf

from livergrade.data.synthetic.cohort import synthetic_cohort
from livergrade.errors import UserError
from livergrade.evaluation.ood import (
    appearance,
    distances,
    fit_reference,
    fit_threshold,
    read_appearance,
    write_appearance,
)
from livergrade.io.images import read_square
from tests.conftest import telling

SIDE = 96


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Tissue of 18 drawn patients, three images each, ``uint8 [54, S, S, 3]``."""
    folder = tmp_path_factory.mktemp("drawn")
    manifest = synthetic_cohort(folder, patients=(6, 6, 6), images_per_patient=3)
    table = pd.read_csv(manifest)
    return np.stack([read_square(manifest.parent / image, SIDE) for image in table["image"]])


def test_what_is_measured_is_density_and_detail() -> None:
    flat = np.full((1, 8, 8, 3), (255, 127, 0), np.uint8)
    told = appearance(flat)[0]
    np.testing.assert_allclose(told[:3], -np.log(np.array([256, 128, 1]) / 256))
    np.testing.assert_allclose(told[3:6], 0, atol=1e-12)
    assert told[6] < appearance(np.random.default_rng(0).integers(0, 255, (1, 8, 8, 3), np.uint8))[0, 6]
    assert appearance(flat[:0]).shape == (0, 7)


def test_the_distance_is_mahalanobis_of_a_shrunk_covariance() -> None:
    rng = np.random.default_rng(0)
    training = rng.normal(size=(400, 7)) @ rng.normal(size=(7, 7)) + 5
    reference = fit_reference(training)
    standard = (training - training.mean(0)) / training.std(0)
    theirs = LedoitWolf(assume_centered=True).fit(standard).mahalanobis(standard)
    np.testing.assert_allclose(distances(training, reference) ** 2, theirs, rtol=1e-6)


@pytest.mark.parametrize(
    ("patients", "each"), telling([(3, 1), (7, 1), (19, 1), (40, 1), (7, 4), (40, 4)], fast=(0, 1, 5))
)
def test_so_many_alarms_come_by_mistake_at_most(patients: int, each: int) -> None:
    """Of new patients' images like the validation ones, over draws of both; of single images just so many."""
    rng = np.random.default_rng(patients)
    alarms = []
    for _ in range(3000):
        centres = rng.normal(size=(patients + 1, 1))
        images = centres + rng.normal(size=(patients + 1, each))
        limit = fit_threshold(images[:-1].tolist())["limit"]
        alarms.append((images[-1] > limit).mean())
    promised = fit_threshold(images[:-1].tolist())["alarm"]
    assert promised == max(0.05, 1 / (patients + 1))
    error = np.std(alarms) / np.sqrt(len(alarms))
    assert np.mean(alarms) < promised + 3 * error
    ranks = np.floor(promised * (patients + 1) + 1e-9) / (patients + 1)  # what whole patients can give
    assert np.mean(alarms) > (ranks - 3 * error if each == 1 else 0)


@pytest.mark.slow
def test_what_is_no_tissue_of_this_kind_lies_beyond(squares: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(18), 3)
    known, val, test = (squares[np.isin(patient % 6, part)] for part in ((0, 1, 2, 3), (4,), (5,)))
    reference = fit_reference(appearance(known))
    limit = fit_threshold(distances(appearance(val), reference).reshape(-1, 3).tolist())["limit"]

    def beyond(pictures: np.ndarray) -> float:
        return float((distances(appearance(pictures), reference) > limit).mean())

    pen = test.copy()
    for picture in pen:
        cv2.line(picture, (0, 20), (SIDE, 70), (20, 40, 160), SIDE // 8)
    grey = np.stack([np.repeat(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)[..., None], 3, 2) for one in test])
    blurred = np.stack([cv2.GaussianBlur(one, (0, 0), SIDE / 12) for one in test])
    blank = rng.normal(243, 2, test.shape).clip(0, 255).astype(np.uint8)
    for name, pictures in {
        "blank": blank,
        "pen": pen,
        "grey": grey,
        "blurred": blurred,
        "negative": 255 - test,
        "noise": rng.integers(0, 255, test.shape, np.uint8),
    }.items():
        assert beyond(pictures) > 0.8, name
    assert beyond(test) < 0.5


def split_of(patients: int) -> pd.DataFrame:
    sides = ["train"] * (patients - 4) + ["val"] * 2 + ["test"] * 2
    rows = [(f"{p}_{i}.png", f"P{p}", side) for p, side in enumerate(sides) for i in range(3)]
    return pd.DataFrame(rows, columns=["image", "patient", "split"])


def test_what_a_run_leaves_is_what_it_reads(squares: np.ndarray, tmp_path: Path) -> None:
    split = split_of(18)
    write_appearance(tmp_path, split, squares.__getitem__, seed=0)
    reference = read_appearance(tmp_path / "appearance.json")
    assert reference is not None
    assert reference["images"] == 42
    assert [len(one) for one in reference["scores"]] == [3, 3]
    assert "P" not in json.dumps(reference["scores"])
    table = pd.read_csv(tmp_path / "appearance.csv")
    assert table["split"].value_counts().to_dict() == {"train": 42, "val": 6, "test": 6}
    np.testing.assert_allclose(
        table.loc[table["split"] == "test", "distance"],
        distances(appearance(squares[-6:]), reference),
        rtol=1e-5,
    )
    other = tmp_path / "other"
    other.mkdir()
    write_appearance(other, split, squares.__getitem__, seed=0, reference=reference)
    assert read_appearance(other / "appearance.json") == reference
    assert set(pd.read_csv(other / "appearance.csv")["split"]) == {"test"}


def test_without_validation_there_is_no_limit(squares: np.ndarray, tmp_path: Path) -> None:
    split = split_of(18).replace({"split": {"val": "train"}})
    write_appearance(tmp_path, split, squares.__getitem__, seed=0)
    reference = read_appearance(tmp_path / "appearance.json")
    assert reference is not None
    assert reference["limit"] is None
    assert "split.val_fraction" in reference["reason"]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    assert read_appearance(tmp_path / "appearance.json") is None
    for content in ("{", "[1]", '{"centre": []}'):
        (tmp_path / "appearance.json").write_text(content)
        with pytest.raises(UserError, match=r"appearance\.json"):
            read_appearance(tmp_path / "appearance.json")
