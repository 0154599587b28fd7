"""Turned views for export have the levels that the installed OpenCV gives them, and those of another one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from livergrade.data.augment import ViewParams, make_views
from livergrade.data.cache import cached_size
from livergrade.deploy.turned_views import TurnedViews, places_in_steps

PLAIN = (0.0, 0.0, 0.0), (1 / 255,) * 3


@pytest.mark.parametrize("size", [32, 50, 96, 224])  # of 50 the last two columns are computed otherwise
@pytest.mark.parametrize("border", ["black", "reflect", "crop"])
@torch.no_grad()
def test_every_level_is_that_of_predict(border: str, size: int) -> None:
    """Noise has the hardest edges: any other place or rounding would show."""
    source, degrees = cached_size(size, border), [float(angle) for angle in range(0, 360, 10)]
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, source, source, 3), np.uint8))
    options = {"size": size, "border": border}
    turned = TurnedViews(degrees, source=source, in_steps=places_in_steps(), **options)
    found = turned(noise.permute(0, 3, 1, 2).float()).unflatten(0, (2, len(degrees)))
    for place, angle in enumerate(degrees):
        drawn = replace(ViewParams.upright(2), degrees=torch.full((2,), angle))
        expected = make_views(noise, drawn, normalisation=PLAIN, **options).round()
        assert torch.equal(found[:, place], expected), angle


OF_OPENCV_4 = (
    "65e83a5369839c5d4d637d96acc1be7790a6ab935c483e37d1dc9d53314a627a"
    "2e2b435c748ba4a3566f859eb7ced291b7b0c8d1c7b88a40308a7a534753a53c"
)
OF_OPENCV_5 = (
    "65e83a526a829b5e4c647d95adc1be758fa7ab915d493c37d1de9e523149627a"
    "2e2b445c748ca4a3566e869eb6ced390b6b0c8d2c5b88c412f887b554753a53c"
)


@pytest.mark.parametrize(("in_steps", "recorded"), [(True, OF_OPENCV_4), (False, OF_OPENCV_5)])
@torch.no_grad()
def test_levels_are_those_that_two_versions_of_opencv_gave(in_steps: bool, recorded: str) -> None:
    """Recorded of 4.13.0 and 5.0.0 (red, turned by 20 degrees); only one of them is installed."""
    levels = np.arange(20 * 20 * 3) * 97 % 256
    pattern = torch.from_numpy(levels.reshape(20, 20, 3)).permute(2, 0, 1)[None].float()
    turned = TurnedViews([20.0], source=20, size=8, border="reflect", in_steps=in_steps)
    found = turned(pattern)[0, 0]
    assert found.byte().numpy().tobytes().hex() == recorded
