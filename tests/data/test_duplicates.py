"""Copies of one picture, however they were saved, and pictures that are none."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from livergrade.data import duplicates
from livergrade.data.duplicates import SIDE, near_duplicates, thumbnail
from livergrade.io.images import LEAST_SIDE


def tissue(seed: int, cells: int = 32) -> np.ndarray:
    """A picture with features of some size, ``uint8 [192, 256, 3]``."""
    coarse = np.random.default_rng(seed).integers(0, 256, (cells * 3 // 4, cells, 3)).astype(np.uint8)
    return cv2.resize(coarse, (256, 192), interpolation=cv2.INTER_CUBIC)


def pairs(*pictures: np.ndarray) -> list[tuple[int, int]]:
    found = near_duplicates(np.array([thumbnail(picture) for picture in pictures]))
    return [(pair.first, pair.second) for pair in found]


def jpeg(picture: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_or_mirrored_copy_is_found(quarters: int, mirrored: bool) -> None:
    copy = np.rot90(tissue(0)[:, ::-1] if mirrored else tissue(0), quarters)
    noisy = np.clip(copy + np.random.default_rng(9).normal(0, 4, copy.shape), 0, 255).astype(np.uint8)
    assert pairs(tissue(0), tissue(1), noisy, tissue(2)) == [(0, 2)]


@pytest.mark.parametrize(
    "changed",
    [
        jpeg,
        lambda picture: cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        lambda picture: picture[5:-5, 6:-6],
        lambda picture: picture[10:, 10:],
        lambda picture: cv2.convertScaleAbs(picture, alpha=0.8, beta=30),
    ],
    ids=["recompressed", "half the size", "cropped", "cropped on two sides", "brighter"],
)
def test_a_copy_that_was_saved_otherwise_is_found(changed: Callable[[np.ndarray], np.ndarray]) -> None:
    originals = [tissue(seed, cells=16) for seed in range(8)]
    found = pairs(*originals, *(np.ascontiguousarray(changed(picture)) for picture in originals))
    assert found == [(number, number + 8) for number in range(8)]


def test_others_are_no_copies() -> None:
    assert pairs(*(tissue(seed, cells=16) for seed in range(60))) == []


def test_blank_images_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    blank = [np.full((64, 64, 3), 240, np.uint8) + rng.integers(0, 3, (64, 64, 3), np.uint8) for _ in "ab"]
    assert pairs(*blank, *(np.full((64, 64, 3), 90, np.uint8) for _ in "ab")) == []


def test_only_pairs_that_differ_in_all_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    same = np.array([thumbnail(tissue(0))] * 4)
    patients, parts = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    found = near_duplicates(same, [patients, parts])
    assert [(pair.first, pair.second) for pair in found] == [(0, 2), (1, 3), (2, 3)]
    assert {pair.similarity for pair in found} == {1.0}
    monkeypatch.setattr(duplicates, "BLOCK", 1)  # a row at a time
    assert near_duplicates(same, [patients, parts]) == found
    monkeypatch.setattr(duplicates, "MOST_CANDIDATES", 1)
    assert len(near_duplicates(same)) == 1


def test_candidates_beyond_the_most_are_dropped_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_CANDIDATES", 2)
    blocks = [([0, 0], [1, 2], [0.7, 0.8]), ([1, 2], [2, 3], [0.9, 0.8]), ([3], [4], [0.6])]
    arrays = [(np.array(first), np.array(second), np.array(like)) for first, second, like in blocks]
    monkeypatch.setattr(duplicates, "_alike", lambda *given: iter(arrays))
    assert duplicates._candidates(np.zeros((5, SIDE, SIDE), np.uint8), []) == [(1, 2), (0, 2)]


def test_no_image_and_one() -> None:
    assert near_duplicates(np.zeros((0, SIDE, SIDE), np.uint8)) == []
    assert pairs(tissue(0)) == []


@pytest.mark.parametrize("enlarged", [None, 224])
def test_noise_of_the_least_size_that_is_read_is_no_copy(enlarged: int | None) -> None:
    rng = np.random.default_rng(0)
    for side, copies in ((LEAST_SIDE, False), (8, False), (2, True)):  # fewer are refused before
        noise = [rng.integers(0, 256, (side, side, 3), np.uint8) for _ in range(40 if side > 2 else 8)]
        if enlarged:  # as training does before
            noise = [cv2.resize(one, (enlarged, enlarged), interpolation=cv2.INTER_LINEAR) for one in noise]
        assert bool(pairs(*noise)) == copies
