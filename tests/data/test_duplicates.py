"""Pictures of one place that come twice."""

import cv2
import numpy as np
import pytest

from livergrade.data.duplicates import MAX_HASH_DISTANCE, near_duplicates, picture_hashes


def tissue(seed: int) -> np.ndarray:
    """A picture with features of some size, ``uint8 [192, 256, 3]``."""
    coarse = np.random.default_rng(seed).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    return cv2.resize(coarse, (256, 192), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_or_mirrored_copy_is_found(quarters: int, mirrored: bool) -> None:
    copy = np.rot90(tissue(0)[:, ::-1] if mirrored else tissue(0), quarters)
    noisy = np.clip(copy + np.random.default_rng(9).normal(0, 4, copy.shape), 0, 255).astype(np.uint8)
    hashes = np.array([picture_hashes(one) for one in (tissue(0), tissue(1), noisy, tissue(2))])
    assert near_duplicates(hashes) == [(0, 2)]


def test_others_are_far_apart() -> None:
    first, second = picture_hashes(tissue(0))[0], picture_hashes(tissue(1))[0]
    assert np.bitwise_count(first ^ second).sum() > 3 * MAX_HASH_DISTANCE
