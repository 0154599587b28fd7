"""The distance from the training images, measured with tensors, is that of the run."""

import numpy as np
import pytest
import torch

from livergrade.deploy.distance import TrainingDistance
from livergrade.evaluation.ood import appearance, distances, fit_reference


def crops(size: int) -> np.ndarray:
    """Coarse and fine, dark, bright and of one colour, ``uint8 [12, size, size, 3]``."""
    rng = np.random.default_rng(size)
    made = [
        rng.integers(0, 256, (size // step + 1, size // step + 1, 3)).repeat(step, 0).repeat(step, 1) * share
        for step in (1, 3, 8)
        for share in (0.02, 0.5, 1)
    ]
    made += [np.full((size, size, 3), level) for level in (0, 128, 255)]
    return np.stack([image[:size, :size] for image in made]).astype(np.uint8)


@pytest.mark.parametrize("size", [16, 51, 317])
@torch.no_grad()
def test_the_distance_is_the_runs(size: int) -> None:
    images = crops(size)
    features = appearance(images)
    reference = fit_reference(features[:9])
    found = TrainingDistance(reference)(torch.tensor(images).permute(0, 3, 1, 2).float())
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, distances(features, reference), rtol=1e-6)
