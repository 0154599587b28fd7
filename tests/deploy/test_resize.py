"""The central square of an image, made within the network, against Pillow's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from livergrade.deploy.grade_page import shrinks_columns_first
from livergrade.deploy.resize import center_crop
from livergrade.io.images import read_square

SIZES = [
    (40, 44),  # enlarged
    (51, 90),  # as large as the square
    (90, 51),
    (52, 51),
    (300, 200),  # reduced, whole blocks not averaged
    (20, 301),  # longer than 8 times its shorter side: the middle of 160
    (403, 40),
    (102, 153),  # a longer side that comes out halfway between two numbers of pixels
]
BLOCKS = [(310, 333), (700, 619), (320, 1999), (1393, 1665)]


def differences(height: int, width: int, folder: Path) -> np.ndarray:
    """Levels by which the square differs from Pillow's."""
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "image.png")
    found = center_crop(torch.from_numpy(pixels)[None], 51)[0].permute(1, 2, 0).numpy()
    assert found.shape == (51, 51, 3)
    assert np.array_equal(found, found.astype(np.uint8))
    return np.abs(found - read_square(folder / "image.png", 51))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_square_is_pillows(height: int, width: int, tmp_path: Path) -> None:
    found = differences(height, width, tmp_path)
    assert found.max() <= (height > width and shrinks_columns_first())


@pytest.mark.parametrize(("height", "width"), BLOCKS)
def test_large_images_differ_by_one_rounding(height: int, width: int, tmp_path: Path) -> None:
    found = differences(height, width, tmp_path)
    assert found.max() <= 1
    assert 0.05 < (found > 0).mean() < 0.25


def test_images_of_a_batch_are_alone() -> None:
    images = torch.randint(0, 256, (3, 60, 80, 3), dtype=torch.uint8)
    together = center_crop(images, 51)
    for number in range(3):
        assert torch.equal(center_crop(images[number : number + 1], 51)[0], together[number])
