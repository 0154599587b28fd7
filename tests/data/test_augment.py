import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from livergrade.data.augment import _affine_maps, _grid_sample, _warp, make_views

SIZE = 48
MEAN, STD = (0.5, 0.4, 0.6), (0.2, 0.3, 0.1)


def picture(seed: int = 0, size: int = SIZE) -> Tensor:
    """A smooth random picture, ``uint8 [1, size, size, 3]``."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return torch.from_numpy(np.array(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)))[
        None
    ]


def view(
    image: Tensor, degrees: float, *, mirrored: bool = False, border: str = "black", size: int = SIZE
) -> np.ndarray:
    """One view, back in grey levels, ``float [size, size, 3]``."""
    made = make_views(
        image,
        torch.tensor([degrees]),
        torch.tensor([mirrored]),
        None,
        size=size,
        border=border,
        normalisation=(MEAN, STD),
    )
    levels = made[0].permute(1, 2, 0).numpy() * np.array(STD) + np.array(MEAN)
    return levels * 255


def test_upright_is_the_image_itself() -> None:
    np.testing.assert_allclose(view(picture(), 0), picture()[0].numpy(), atol=0.01)


@pytest.mark.parametrize("quarter", [1, 2, 3])
@pytest.mark.parametrize("border", ["black", "reflect"])
def test_quarter_turns_are_exact(quarter: int, border: str) -> None:
    expected = np.rot90(picture()[0].numpy(), quarter)
    np.testing.assert_allclose(view(picture(), 90 * quarter, border=border), expected, atol=1.01)


def test_mirror_comes_before_the_turn() -> None:
    expected = np.rot90(picture()[0].numpy()[:, ::-1])
    np.testing.assert_allclose(view(picture(), 90, mirrored=True), expected, atol=1.01)


@pytest.mark.parametrize("degrees", [10, 45, 190, 350])
def test_turns_as_pillow_does(degrees: int) -> None:
    image = picture()
    expected = Image.fromarray(image[0].numpy()).rotate(degrees, Image.Resampling.BILINEAR)
    inside = np.hypot(*(np.indices((SIZE, SIZE)) - (SIZE - 1) / 2)) < SIZE / 2 - 2
    difference = np.abs(view(image, degrees) - np.asarray(expected))[inside]
    assert difference.mean() < 1
    assert difference.max() < 8


def test_borders() -> None:
    white = torch.full((1, SIZE, SIZE, 3), 255, dtype=torch.uint8)
    assert view(white, 45, border="black")[0, 0].max() < 1
    np.testing.assert_allclose(view(white, 45, border="reflect"), 255, atol=0.01)


def test_the_crop_never_leaves_the_image() -> None:
    degrees = torch.arange(0, 360, 5.0)
    maps = _affine_maps(degrees, torch.zeros(len(degrees), dtype=torch.bool), 68, SIZE, "crop")
    last = SIZE - 1
    corners = torch.tensor([[0, 0, 1], [0, last, 1], [last, 0, 1], [last, last, 1]], dtype=torch.float32)
    reached = corners @ maps.mT
    assert reached.min() > -0.5
    assert reached.max() < 67.5
    assert reached.min() < 1  # and it is the largest that does not


@pytest.mark.parametrize("border", ["black", "reflect", "crop"])
def test_the_devices_two_paths_agree(border: str) -> None:
    source = 68 if border == "crop" else SIZE
    images = torch.cat([picture(seed, source) for seed in range(36)])
    degrees, mirrored = torch.arange(0, 360, 10.0), torch.arange(36) % 2 == 0
    maps = _affine_maps(degrees, mirrored, source, SIZE, border)
    difference = (_warp(images, maps, SIZE, border) - _grid_sample(images, maps, SIZE, border)).abs()
    assert difference.mean() < 0.6
    assert difference[:, :, 4:-4, 4:-4].max() < 6 if border != "black" else True


def test_stain_is_a_power_of_the_transmittance() -> None:
    """Twice the dye, twice the optical density: the square of what comes through."""
    image = picture()
    density = torch.tensor([[2.0, 1.0, 0.5]])
    upright = torch.zeros(1), torch.zeros(1, dtype=torch.bool)
    plain, dyed = (
        make_views(image, *upright, d, size=SIZE, border="black", normalisation=(MEAN, STD))[0]
        for d in (None, density)
    )
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    through = plain * std + mean
    torch.testing.assert_close(dyed * std + mean, through ** density[0][:, None, None], atol=1e-5, rtol=0)
