"""Views of images: turned, cut, stained and lit as they were drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from livergrade.data.augment import (
    ViewParams,
    _coloured,
    _warped,
    affine_maps,
    grid_sampled,
    make_views,
)
from livergrade.data.cache import cached_size

SIZE = 48
NORMALISATION = (0.5, 0.4, 0.6), (0.2, 0.3, 0.1)
PLAIN = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def picture(seed: int = 0, size: int = SIZE) -> Tensor:
    """A smooth random picture, ``uint8 [1, size, size, 3]``."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return torch.from_numpy(np.array(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)))[
        None
    ]


def view(image: Tensor, border: str = "black", size: int = SIZE, **drawn: list[float]) -> np.ndarray:
    """One view, back in grey levels, ``float [size, size, 3]``."""
    how = replace(ViewParams.upright(1), **{name: torch.tensor(values) for name, values in drawn.items()})
    made = make_views(image, how, size=size, border=border, normalisation=NORMALISATION)
    mean, std = map(np.array, NORMALISATION)
    return (made[0].permute(1, 2, 0).numpy() * std + mean) * 255


def test_upright_is_the_image_itself() -> None:
    np.testing.assert_allclose(view(picture()), picture()[0].numpy(), atol=0.01)


@pytest.mark.parametrize("quarter", [1, 2, 3])
@pytest.mark.parametrize("border", ["black", "reflect"])
def test_quarter_turns_are_exact(quarter: int, border: str) -> None:
    expected = np.rot90(picture()[0].numpy(), quarter)
    np.testing.assert_allclose(view(picture(), border, degrees=[90.0 * quarter]), expected, atol=1.01)


def test_mirror_comes_before_the_turn() -> None:
    expected = np.rot90(picture()[0].numpy()[:, ::-1])
    np.testing.assert_allclose(view(picture(), degrees=[90.0], mirrored=[True]), expected, atol=1.01)


@pytest.mark.parametrize("degrees", [10, 45, 190, 350])
def test_turns_as_pillow_does(degrees: int) -> None:
    image = picture()
    expected = Image.fromarray(image[0].numpy()).rotate(degrees, Image.Resampling.BILINEAR)
    inside = np.hypot(*(np.indices((SIZE, SIZE)) - (SIZE - 1) / 2)) < SIZE / 2 - 2
    difference = np.abs(view(image, degrees=[float(degrees)]) - np.asarray(expected))[inside]
    assert difference.mean() < 1
    assert difference.max() < 8


def test_borders() -> None:
    white = torch.full((1, SIZE, SIZE, 3), 255, dtype=torch.uint8)
    assert view(white, "black", degrees=[45.0])[0, 0].max() < 1
    np.testing.assert_allclose(view(white, "reflect", degrees=[45.0]), 255, atol=0.01)


def corners_in_the_source(how: ViewParams, source: int, border: str) -> Tensor:
    last = SIZE - 1
    corners = torch.tensor([[0, 0, 1], [0, last, 1], [last, 0, 1], [last, last, 1]], dtype=torch.float32)
    return corners @ affine_maps(how, source, SIZE, border).mT


def test_border_crop_never_leaves_the_image() -> None:
    how = replace(ViewParams.upright(72), degrees=torch.arange(0, 360, 5.0))
    reached = corners_in_the_source(how, 68, "crop")
    assert reached.min() > -0.5
    assert reached.max() < 67.5
    assert reached.min() < 1  # and it is the largest that does not


def test_a_window_is_cut_where_it_was_drawn() -> None:
    """Half the side, in the upper right: of the turned and mirrored image, that quarter of it."""
    image = picture(size=2 * SIZE)
    quarter = np.rot90(image[0].numpy()[:, ::-1])[:SIZE, SIZE:]
    cut = view(image, degrees=[90.0], mirrored=[True], window=[[0.5, 1.0, -1.0]])
    np.testing.assert_allclose(cut, quarter, atol=1.01)


def test_windows_stay_in_the_image() -> None:
    generator = torch.Generator().manual_seed(0)
    place = torch.rand(200, 2, generator=generator) * 2 - 1
    window = torch.cat([0.625 + 0.375 * torch.rand(200, 1, generator=generator), place], 1)
    reached = corners_in_the_source(replace(ViewParams.upright(200), window=window), 68, "reflect")
    assert reached.min() >= -0.5
    assert reached.max() <= 67.5


@pytest.mark.parametrize("border", ["black", "reflect", "crop"])
def test_the_devices_two_paths_agree(border: str) -> None:
    source = 68 if border == "crop" else SIZE
    images = torch.cat([picture(seed, source) for seed in range(36)])
    how = replace(
        ViewParams.upright(36),
        degrees=torch.arange(0, 360, 10.0),
        mirrored=torch.arange(36) % 2 == 0,
        density=torch.linspace(0.8, 1.2, 108).view(36, 3),
        light=torch.stack([torch.linspace(0.8, 1.2, 36), torch.linspace(-0.1, 0.1, 36)], 1),
    )
    ours = 255 * make_views(images, how, size=SIZE, border=border, normalisation=PLAIN)
    maps = affine_maps(how, source, SIZE, border)
    theirs = 255 * _coloured(grid_sampled(images, maps, SIZE, border) / 255, how, PLAIN)
    difference = (ours - theirs).abs()
    assert difference.mean() < 0.6
    assert difference[:, :, 4:-4, 4:-4].max() < 8 if border != "black" else True


def test_a_devices_views_are_the_same_under_autocast() -> None:
    """bf16 has 8 bits: a grid made in it misplaces pixels of a view of 224 px by up to one or more."""
    images = picture(size=359)
    how = replace(ViewParams.upright(1), degrees=torch.tensor([40.0]))
    maps = affine_maps(how, 359, 224, "reflect")
    plain = grid_sampled(images, maps, 224, "reflect")
    with torch.autocast("cpu", torch.bfloat16):
        cast = grid_sampled(images, maps, 224, "reflect")
    assert torch.equal(cast, plain)


def test_a_table_of_levels_is_looked_up_by_channel() -> None:
    tables = torch.rand(1, 3, 256)
    maps = affine_maps(ViewParams.upright(1), SIZE, SIZE, "black")
    image = picture()
    expected = torch.stack([tables[0, c][image[0, :, :, c].long()] for c in range(3)])
    assert torch.equal(_warped(image, maps, tables, SIZE, "black")[0], expected)


def test_stain_is_a_power_of_the_transmittance() -> None:
    """Twice the dye, twice the optical density: the square of what comes through."""
    through = view(picture()).clip(0) / 255
    dyed = view(picture(), density=[[2.0, 1.0, 0.5]]) / 255
    np.testing.assert_allclose(dyed, through ** np.array([2, 1, 0.5]), atol=1e-5)


def test_light_is_contrast_about_grey_then_brightness() -> None:
    levels = view(picture()) / 255
    lit = view(picture(), light=[[1.5, 0.1]]) / 255
    np.testing.assert_allclose(lit, np.clip((levels - 0.5) * 1.5 + 0.6, 0, 1), atol=1e-5)


@pytest.mark.parametrize("degrees", [0, 10, 45, 90])
def test_a_view_is_as_true_as_turning_the_whole_image(degrees: int) -> None:
    """No more than half a decibel below Pillow's best, against a view of 64 samples a pixel."""
    rng = np.random.default_rng(0)
    side = 512
    whole = Image.new("RGB", (side, side))
    for scale, weight in (
        (8, 0.4),
        (32, 0.6),
        (128, 0.5),
    ):  # detail at the scales of glands, cells and nuclei
        noise = Image.fromarray(rng.integers(0, 255, (scale, scale, 3), dtype=np.uint8))
        whole = Image.blend(whole, noise.resize((side, side), Image.Resampling.BICUBIC), weight)
    fine = np.asarray(whole.resize((8 * 64, 8 * 64), Image.Resampling.BICUBIC))
    how = replace(ViewParams.upright(1), degrees=torch.tensor([float(degrees)]))
    reference = view_from(fine, how, size=8 * 64).reshape(64, 8, 64, 8, 3).mean((1, 3))
    pillow = whole.rotate(degrees, Image.Resampling.BICUBIC).resize((64, 64), Image.Resampling.BICUBIC)
    kept = whole.resize((cached_size(64, "black"),) * 2, Image.Resampling.BICUBIC)
    inside = np.hypot(*(np.indices((64, 64)) - 31.5)) < 29

    def decibels(levels: np.ndarray) -> float:
        return float(10 * np.log10(255**2 / np.mean((levels - reference)[inside] ** 2)))

    assert decibels(view_from(np.asarray(kept), how, size=64)) > decibels(np.asarray(pillow, float)) - 0.5


def view_from(pixels: np.ndarray, how: ViewParams, *, size: int) -> np.ndarray:
    views = make_views(torch.tensor(pixels)[None], how, size=size, border="black", normalisation=PLAIN)
    return 255 * views[0].permute(1, 2, 0).numpy()
