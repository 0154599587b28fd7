"""Maps of what speaks for a grade."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livergrade.explanations.maps import (
    class_activation,
    deletion_insertion,
    occlusion,
    rank_correlation,
    rotate_maps,
    with_random_weights,
)
from livergrade.models.build import build

SIDE = 128
REGION = torch.zeros(SIDE, SIDE, dtype=torch.bool)
REGION[SIDE // 2 :, SIDE // 2 :] = True


def pairs(count: int, generator: torch.Generator, side: int = SIDE) -> tuple[Tensor, Tensor]:
    """Noise that tells nothing; stripes in the lower right quarter, level or upright, are the class."""
    grades = torch.arange(count) % 2
    views = 0.3 * torch.randn(count, 3, side, side, generator=generator)
    stripes = torch.where(torch.arange(side) // 4 % 2 == 0, 1.5, -1.5)
    level = stripes[:, None].expand(side, side)
    half = side // 2
    for view, grade in zip(views, grades, strict=True):
        view[:, half:, half:] = (level if grade else level.T)[half:, half:]
    return views, grades


def taught(
    model: str, steps: int, side: int = SIDE, *, turning: bool = True
) -> tuple[nn.Module, Tensor, Tensor]:
    """A network that tells the pairs apart, and pairs that it has not seen."""
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    net = build(model, 2)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4 if model == "vgg16" else 1e-3)
    net.train()
    for step in range(steps):
        views, grades = pairs(8, generator, side)
        if turning:  # a quarter's turn makes level stripes upright
            views, grades = views.rot90(step, (2, 3)), (grades + step) % 2
        optimizer.zero_grad()
        F.cross_entropy(net(views), grades).backward()
        optimizer.step()
    net.eval()
    views, grades = pairs(2, generator, side)
    assert (net(views).argmax(1) == grades).all()
    return net, views, grades


def inside(maps: Tensor, grades: Tensor, side: int = SIDE) -> Tensor:
    """Share of each map's positive mass that lies in the quarter that decides."""
    own = F.interpolate(maps, (side, side), mode="bilinear", align_corners=False)
    mass = own[torch.arange(len(grades)), grades].relu()
    return mass[:, side // 2 :, side // 2 :].sum((1, 2)) / mass.sum((1, 2))


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    ["resnet50", "cbam", "senet", "sknet"],
)
def test_maps_find_the_place_that_decides(model: str) -> None:
    net, views, grades = taught(model, 24)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    logits, maps = class_activation(net, views)
    assert torch.allclose(logits, net(views))
    torch.testing.assert_close(maps["grad_cam"], maps["hires_cam"])  # a linear head over the mean
    assert inside(maps["hires_cam"], grades).min() >= 0.7
    assert inside(occlusion(net, views, places=11), grades).min() >= 0.6  # a square covers more than it
    assert all((value == before[name]).all() for name, value in net.state_dict().items())
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in net.parameters())

    fresh = class_activation(with_random_weights(net), views)[1]["hires_cam"]
    assert rank_correlation(fresh, maps["hires_cam"]).abs().mean() < 0.9  # contrast draws random weights too
    curves = deletion_insertion(net, views, occlusion(net, views)[torch.arange(2), grades], grades)
    upside_down = deletion_insertion(net, views, -occlusion(net, views)[torch.arange(2), grades], grades)
    told = net(views).softmax(1)[torch.arange(2), grades]
    torch.testing.assert_close(curves[:, 0, 0], told, rtol=0, atol=1e-4)
    torch.testing.assert_close(curves[:, 1, -1], told, rtol=0, atol=1e-4)
    assert (curves[:, 0].mean(1) < upside_down[:, 0].mean(1)).all()
    assert (curves[:, 1].mean(1) > upside_down[:, 1].mean(1)).all()

    last = class_activation(net.to(memory_format=torch.channels_last), views)[1]["hires_cam"]
    torch.testing.assert_close(last, maps["hires_cam"], rtol=1e-3, atol=1e-4)
    # Turned by a quarter, the stripes are the other class's, where the map goes with them.
    quarter = views.rot90(1, (2, 3))
    moved = class_activation(net, quarter)[1]["hires_cam"]
    assert inside(rotate_maps(moved, -90), 1 - grades).min() >= 0.5  # twice its share of the view


@pytest.mark.slow
def test_hiding_finds_the_place_that_decides_for_vgg16() -> None:
    net, views, grades = taught("vgg16", 12, side=96, turning=False)
    assert inside(occlusion(net, views), grades, side=96).min() >= 0.7


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_map_turns_anticlockwise(degrees: int) -> None:
    maps = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(rotate_maps(maps, degrees), maps.rot90(degrees // 90, (2, 3)))
    assert torch.isnan(rotate_maps(maps, 45)[..., 0, 0]).all()


def test_a_compiled_network_is_mapped_alike() -> None:
    torch.manual_seed(0)
    net = build("senet", 3).eval()
    views = torch.randn(1, 3, 64, 64)
    plain = class_activation(net, views)[1]["grad_cam"]
    net.compile(backend="eager")
    torch.testing.assert_close(class_activation(net, views)[1]["grad_cam"], plain)
    with torch.inference_mode():
        torch.testing.assert_close(class_activation(net, views)[1]["grad_cam"], plain)


def test_likeness_is_spearmans() -> None:
    rising = torch.arange(9.0).view(1, 3, 3)
    assert rank_correlation(rising, rising.square()).item() == pytest.approx(1)
    assert rank_correlation(rising, -rising).item() == pytest.approx(-1)
    assert rank_correlation(rising, torch.ones(1, 3, 3)).isnan().all()
    assert np.isclose(
        rank_correlation(rising, rising.roll(1, 2)).item(), 1 - 6 * (3 * (1 + 1 + 4)) / (9 * 80)
    )
