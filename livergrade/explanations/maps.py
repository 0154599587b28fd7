"""Where a network looks: class-activation maps, what hiding a place does, and whether the maps mean anything.

A grade's map explains its logit less the mean of all logits: softmax knows no more of them, and what all
grades have in common tells none of them apart.
"""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livergrade.models.hooks import cam_target


def _centred(logits: Tensor) -> Tensor:
    return logits.float() - logits.float().mean(1, keepdim=True)


def class_activation(net: nn.Module, views: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Class-activation maps of every grade, from the last layer that still knows places.

    ``grad_cam``, arXiv:1610.02391 eq. 1 and 2, weighs each channel by its gradient's mean over the image.
    ``hires_cam``, arXiv:2011.08891 eq. 2, takes each position's own gradient. Where the layer is averaged
    before a linear head, as in all the ResNets, the two are one; VGG16's head knows places, which the mean
    loses. Both come without a ReLU: what is negative speaks against the grade. Networks of timm that keep
    places as tokens, or channels last, are mapped alike. Weights, their gradients and the network's mode stay
    as they are; a compiled network is run as it was before it was compiled.

    Args:
        net: Of :func:`livergrade.models.build`, in evaluation mode.
        views: ``float [B, 3, H, W]``.

    Returns:
        Logits ``float [B, K]``, and for each method maps ``float [B, K, h, w]``.
    """
    target = cam_target(net)
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> Tensor:
        output = output.detach().requires_grad_()  # the gradient need not go any deeper
        kept.append(output)
        return output.clone()  # what follows may work in place

    hook = target.module.register_forward_hook(keep)
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.compiler.set_stance("force_eager"):
            logits = net(views.clone())
            scores = _centred(logits)
            pooled, placed = [], []
            for grade in range(scores.shape[1]):
                (gradient,) = torch.autograd.grad(scores[:, grade].sum(), kept[0], retain_graph=True)
                weight, features = (target.as_map(each.detach()).float() for each in (gradient, kept[0]))
                pooled.append((weight.mean((2, 3), keepdim=True) * features).sum(1))
                placed.append((weight * features).sum(1))
    finally:
        hook.remove()
    return logits.detach().float(), {"grad_cam": torch.stack(pooled, 1), "hires_cam": torch.stack(placed, 1)}


def blurred(views: Tensor) -> Tensor:
    """Views without any detail, in the colours of their surroundings: what hides a place and no more."""
    side = views.shape[-1] // 4 * 2 + 1
    padded = F.pad(views, (side // 2,) * 4, mode="reflect")
    ramp = torch.linspace(-2, 2, side, device=views.device).square().mul(-0.5).exp()
    kernel = (ramp / ramp.sum()).to(views.dtype).expand(3, 1, 1, side)
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.mT, groups=3)


@torch.no_grad()
def occlusion(net: nn.Module, views: Tensor, *, places: int = 7, batch_size: int = 32) -> Tensor:
    """What each grade's logit loses when a place is hidden, arXiv:1311.2901 section 4.2; needs no gradient.

    A square of ``2 / (places + 1)`` of the side, blurred beyond recognition, takes ``places`` × ``places``
    positions, each half a square from the next.

    Args:
        net: Any network in evaluation mode.
        views: ``float [B, 3, H, W]``.
        places: Positions along a side.
        batch_size: Views at once.

    Returns:
        ``float [B, K, places, places]``; positive where the grade loses.
    """
    whole = _centred(net(views))
    hidden, side = blurred(views), views.shape[-1]
    edges = [round(side * place / (places + 1)) for place in range(places + 2)]

    def covered(row: int, column: int) -> Tensor:
        rows, columns = (slice(edges[at], edges[at + 2]) for at in (row, column))
        shown = views.clone()
        shown[..., rows, columns] = hidden[..., rows, columns]
        return shown

    squares = list(itertools.product(range(places), repeat=2))
    together = -(-batch_size // len(views))
    found = [
        _centred(net(torch.cat([covered(*square) for square in squares[first : first + together]])))
        for first in range(0, len(squares), together)
    ]
    lost = whole - torch.cat(found).view(places * places, *whole.shape)
    return lost.permute(1, 2, 0).reshape(len(views), -1, places, places)


@torch.no_grad()
def deletion_insertion(
    net: nn.Module, views: Tensor, maps: Tensor, grades: Tensor, *, steps: int = 16, batch_size: int = 32
) -> Tensor:
    """How a grade's probability falls as what its map shows most is hidden, and rises as it is shown.

    ArXiv:1806.07421 section 4.2, with a blurred view in place of a grey one. A good map has a small area
    under the first curve and a large one under the second.

    Args:
        net: Any network in evaluation mode.
        views: ``float [B, 3, H, W]``.
        maps: ``float [B, h, w]``, one for each view.
        grades: Whose probability is followed, ``int64 [B]``.
        steps: Equal parts of the view.
        batch_size: Views at once.

    Returns:
        Probabilities ``float [B, 2, steps + 1]``: deletion, insertion; from none to all of the view changed.
    """
    hidden = blurred(views)
    larger = F.interpolate(maps[:, None].float(), views.shape[-2:], mode="bilinear", align_corners=False)
    order = larger.flatten(1).argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    rank = rank.reshape(len(views), 1, *views.shape[-2:])
    changed = [
        torch.where(rank < step * order.shape[1] / steps, *pair)
        for pair in ((hidden, views), (views, hidden))
        for step in range(steps + 1)
    ]
    shown = torch.stack(changed, 1).flatten(0, 1)
    told = torch.cat([net(part).float().softmax(1) for part in torch.split(shown, batch_size)])
    of_grade = told.gather(1, grades.repeat_interleave(2 * (steps + 1))[:, None])
    return of_grade.reshape(len(views), 2, steps + 1)


def with_random_weights(net: nn.Module, seed: int = 0) -> nn.Module:
    """The same network with weights that never saw an image, for the test of arXiv:1810.03292."""
    randomized_net = copy.deepcopy(getattr(net, "_orig_mod", net))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in randomized_net.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
        for module in randomized_net.modules():
            if isinstance(module, nn.Conv2d):  # PyTorch's own start lets deep networks fade out
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return randomized_net.eval()


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's rank correlation of maps, ``[..., h, w]`` each; 0 where one is flat."""
    from torchmetrics.functional import spearman_corrcoef  # seconds to import, and grading needs none of it

    one, other = (maps.flatten(-2).reshape(-1, maps.shape[-2:].numel()).mT for maps in (first, second))
    return spearman_corrcoef(one, other).reshape(first.shape[:-2])


@dataclass(frozen=True)
class MapScores:
    """Maps of views by every method, and what tells whether they mean anything.

    Attributes:
        logits: ``float [B, K]``.
        called: the predicted grades, ``int64 [B]``.
        maps: by method, ``float [B, K, h, w]``; ``random`` among them, for comparison.
        curves: by method, the predicted grade's, as :func:`deletion_insertion` has them.
        rank_correlation: by method, of the predicted grade's map to that of random weights, ``float [B]``.
    """

    logits: Tensor
    called: Tensor
    maps: dict[str, Tensor]
    curves: dict[str, Tensor]
    rank_correlation: dict[str, Tensor]


def score_maps(
    net: nn.Module, randomized_net: nn.Module, views: Tensor, *, places: int, steps: int, seed: int
) -> MapScores:
    """Map views by every method, and hold the maps of the predicted grade against both tests.

    Args:
        net: Of :func:`livergrade.models.build`, in evaluation mode.
        randomized_net: Of :func:`with_random_weights`.
        views: ``float [B, 3, H, W]``.
        places: As :func:`occlusion` takes it.
        steps: As :func:`deletion_insertion` takes it.
        seed: Of the random map.
    """
    logits, maps = class_activation(net, views)
    maps["occlusion"] = occlusion(net, views, places=places)
    unlearned = class_activation(randomized_net, views)[1] | {
        "occlusion": occlusion(randomized_net, views, places=places)
    }
    noise = torch.rand(maps["grad_cam"].shape, generator=torch.Generator().manual_seed(seed))
    maps["random"] = noise.to(views.device)
    called, each = logits.argmax(1), torch.arange(len(views), device=views.device)
    return MapScores(
        logits,
        called,
        maps,
        {
            name: deletion_insertion(net, views, found[each, called], called, steps=steps)
            for name, found in maps.items()
        },
        {
            name: rank_correlation(found[each, called], maps[name][each, called])
            for name, found in unlearned.items()
        },
    )


def turn_back(maps: Tensor, degrees: float) -> Tensor:
    """Maps ``float [B, K, h, w]`` turned anticlockwise about their middle; what comes from outside is NaN."""
    angle = math.radians(degrees)
    turn = torch.tensor(
        [[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0]],
        device=maps.device,
    )
    grid = F.affine_grid(turn.expand(len(maps), 2, 3), list(maps.shape), align_corners=False)
    inside = (grid.abs() <= 1).all(-1)[:, None]
    moved = F.grid_sample(maps, grid, align_corners=False, padding_mode="border")
    return torch.where(inside, moved, torch.nan)
