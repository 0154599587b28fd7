"""Class-activation maps, occlusion maps, and tests of their faithfulness.

A grade's map explains its logit minus the mean of all logits: softmax depends only on these differences, and
what all grades have in common does not separate them.
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
from livergrade.models.mean_network import MeanNetwork, joined_logits


def _centred(logits: Tensor) -> Tensor:
    return logits.float() - logits.float().mean(1, keepdim=True)


def class_activation(net: nn.Module, views: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Return class-activation maps of every grade, from the last layer with spatial positions.

    ``grad_cam``, arXiv:1610.02391 eq. 1 and 2, weights each channel by the mean of its gradient over the
    image. ``hires_cam``, arXiv:2011.08891 eq. 2, uses the gradient at each position. If the layer is averaged
    before a linear head, as in all ResNets, the two are equal; VGG16's head depends on positions, which the
    mean loses. Neither applies a ReLU: negative values are evidence against the grade. timm networks with
    tokens or channels last are supported. Weights, their gradients and the network's mode do not change; a
    compiled network runs uncompiled.

    The map of an ensemble is the mean of its members' maps.

    Args:
        net: Network from :func:`livergrade.models.build`, or several that answer as one, in evaluation mode.
        views: ``float [B, 3, H, W]``.

    Returns:
        Logits ``float [B, K]``, and for each method maps ``float [B, K, h, w]``.
    """
    if isinstance(net, MeanNetwork):
        found = [class_activation(member, views) for member in net.members]
        stacked = {name: torch.stack([maps[name] for _, maps in found]) for name in found[0][1]}
        logits = joined_logits([of_member for of_member, _ in found])
        return logits, {name: maps.mean(0) for name, maps in stacked.items()}
    logits, features, gradients = feature_gradients(net, views)
    grad_cam = [(weight.mean((2, 3), keepdim=True) * features).sum(1) for weight in gradients]
    hires_cam = [(weight * features).sum(1) for weight in gradients]
    return logits, {"grad_cam": torch.stack(grad_cam, 1), "hires_cam": torch.stack(hires_cam, 1)}


def feature_gradients(net: nn.Module, views: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Features of the layer of class-activation maps, and how each grade's logit depends on them.

    Args:
        net: One network in evaluation mode.
        views: ``float [B, 3, H, W]``.

    Returns:
        Logits ``float [B, K]``, features ``float [B, C, h, w]``, and for each grade the gradient of its logit
        minus the mean of all, of the same shape.
    """
    target = cam_target(net)
    activations: list[Tensor] = []

    def capture(_: nn.Module, __: object, output: Tensor) -> Tensor:
        output = output.detach().requires_grad_()  # no gradient is needed in deeper layers
        activations.append(output)
        return output.clone()  # later layers may work in place

    hook = target.module.register_forward_hook(capture)
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.compiler.set_stance("force_eager"):
            logits = net(views.clone())
            scores = _centred(logits)
            gradients = [
                torch.autograd.grad(scores[:, grade].sum(), activations[0], retain_graph=True)[0]
                for grade in range(scores.shape[1])
            ]
    finally:
        hook.remove()
    features, *weights = (target.as_map(one.detach()).float() for one in (activations[0], *gradients))
    return logits.detach().float(), features, weights


def blurred(views: Tensor) -> Tensor:
    """Return strongly blurred views: they remove the detail of a region but keep its colours."""
    side = views.shape[-1] // 4 * 2 + 1
    padded = F.pad(views, (side // 2,) * 4, mode="reflect")
    ramp = torch.linspace(-2, 2, side, device=views.device).square().mul(-0.5).exp()
    kernel = (ramp / ramp.sum()).to(views.dtype).expand(3, 1, 1, side)
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.mT, groups=3)


@torch.no_grad()
def occlusion(net: nn.Module, views: Tensor, *, places: int = 7, batch_size: int = 32) -> Tensor:
    """Decrease of each grade's logit when a region is occluded, arXiv:1311.2901 section 4.2; no gradients.

    A strongly blurred square with a side of ``2 / (places + 1)`` of the view moves over ``places`` ×
    ``places`` positions; neighbouring positions overlap by half a square.

    Args:
        net: Any network in evaluation mode.
        views: ``float [B, 3, H, W]``.
        places: Positions along a side.
        batch_size: Views per forward pass.

    Returns:
        ``float [B, K, places, places]``; positive where occlusion lowers the grade's logit.
    """
    baseline = _centred(net(views))
    hidden, side = blurred(views), views.shape[-1]
    edges = [round(side * index / (places + 1)) for index in range(places + 2)]

    def occlude(row: int, column: int) -> Tensor:
        rows, columns = (slice(edges[index], edges[index + 2]) for index in (row, column))
        occluded = views.clone()
        occluded[..., rows, columns] = hidden[..., rows, columns]
        return occluded

    positions = list(itertools.product(range(places), repeat=2))
    per_pass = -(-batch_size // len(views))
    occluded_logits = [
        _centred(net(torch.cat([occlude(*position) for position in positions[first : first + per_pass]])))
        for first in range(0, len(positions), per_pass)
    ]
    decrease = baseline - torch.cat(occluded_logits).view(places * places, *baseline.shape)
    return decrease.permute(1, 2, 0).reshape(len(views), -1, places, places)


@torch.no_grad()
def deletion_insertion(
    net: nn.Module, views: Tensor, maps: Tensor, grades: Tensor, *, steps: int = 16, batch_size: int = 32
) -> Tensor:
    """Deletion and insertion curves: a grade's probability as pixels are hidden or shown in map order.

    ArXiv:1806.07421 section 4.2, with a blurred view instead of a grey one. A faithful map has a small area
    under the deletion curve and a large area under the insertion curve.

    Args:
        net: Any network in evaluation mode.
        views: ``float [B, 3, H, W]``.
        maps: ``float [B, h, w]``, one for each view.
        grades: Grade of each view to compute the curves for, ``int64 [B]``.
        steps: Number of equal parts of the view.
        batch_size: Views per forward pass.

    Returns:
        Probabilities ``float [B, 2, steps + 1]``: deletion, insertion; from none to all of the view changed.
    """
    hidden = blurred(views)
    resized = F.interpolate(maps[:, None].float(), views.shape[-2:], mode="bilinear", align_corners=False)
    order = resized.flatten(1).argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    rank = rank.reshape(len(views), 1, *views.shape[-2:])
    changed = [
        torch.where(rank < step * order.shape[1] / steps, *pair)
        for pair in ((hidden, views), (views, hidden))
        for step in range(steps + 1)
    ]
    inputs = torch.stack(changed, 1).flatten(0, 1)
    probabilities = torch.cat([net(part).float().softmax(1) for part in torch.split(inputs, batch_size)])
    of_grade = probabilities.gather(1, grades.repeat_interleave(2 * (steps + 1))[:, None])
    return of_grade.reshape(len(views), 2, steps + 1)


def with_random_weights(net: nn.Module, seed: int = 0) -> nn.Module:
    """Return the same network with random weights, for the randomisation test of arXiv:1810.03292."""
    randomized_net = copy.deepcopy(getattr(net, "_orig_mod", net))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in randomized_net.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
        for module in randomized_net.modules():
            if isinstance(module, nn.Conv2d):  # with PyTorch's default, activations of deep networks vanish
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return randomized_net.eval()


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's rank correlation of maps, ``[..., h, w]`` each; NaN if a map is constant."""
    from torchmetrics.functional import spearman_corrcoef  # takes seconds to import; grading does not need it

    x, y = (maps.flatten(-2).reshape(-1, maps.shape[-2:].numel()).mT for maps in (first, second))
    varied = (x.amax(0) > x.amin(0)) & (y.amax(0) > y.amin(0))  # else there is no rank
    return torch.where(varied, spearman_corrcoef(x, y), torch.nan).reshape(first.shape[:-2])


@dataclass(frozen=True)
class MapScores:
    """Maps of views by every method, and their faithfulness scores.

    Attributes:
        logits: ``float [B, K]``.
        predicted: the predicted grades, ``int64 [B]``.
        maps: by method, ``float [B, K, h, w]``; includes ``random``, for comparison.
        curves: by method, :func:`deletion_insertion` of the predicted grade.
        rank_correlation: by method, between the predicted grade's maps with trained and with random weights,
            ``float [B]``.
    """

    logits: Tensor
    predicted: Tensor
    maps: dict[str, Tensor]
    curves: dict[str, Tensor]
    rank_correlation: dict[str, Tensor]


def score_maps(
    net: nn.Module, randomized_net: nn.Module, views: Tensor, *, places: int, steps: int, seed: int
) -> MapScores:
    """Compute the maps of every method, and both faithfulness tests for the predicted grade.

    Args:
        net: Network from :func:`livergrade.models.build`, in evaluation mode.
        randomized_net: Network from :func:`with_random_weights`.
        views: ``float [B, 3, H, W]``.
        places: As in :func:`occlusion`.
        steps: As in :func:`deletion_insertion`.
        seed: Seed of the random map.
    """
    logits, maps = class_activation(net, views)
    maps["occlusion"] = occlusion(net, views, places=places)
    randomized_maps = class_activation(randomized_net, views)[1] | {
        "occlusion": occlusion(randomized_net, views, places=places)
    }
    noise = torch.rand(maps["grad_cam"].shape, generator=torch.Generator().manual_seed(seed))
    maps["random"] = noise.to(views.device)
    predicted, index = logits.argmax(1), torch.arange(len(views), device=views.device)
    return MapScores(
        logits,
        predicted,
        maps,
        {
            name: deletion_insertion(net, views, of_method[index, predicted], predicted, steps=steps)
            for name, of_method in maps.items()
        },
        {
            name: rank_correlation(of_method[index, predicted], maps[name][index, predicted])
            for name, of_method in randomized_maps.items()
        },
    )


def rotate_maps(maps: Tensor, degrees: float) -> Tensor:
    """Rotate maps ``float [B, K, h, w]`` anticlockwise about their centre; NaN outside the original map."""
    angle = math.radians(degrees)
    rotation = torch.tensor(
        [[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0]],
        device=maps.device,
    )
    grid = F.affine_grid(rotation.expand(len(maps), 2, 3), list(maps.shape), align_corners=False)
    inside = (grid.abs() <= 1).all(-1)[:, None]
    rotated = F.grid_sample(maps, grid, align_corners=False, padding_mode="border")
    return torch.where(inside, rotated, torch.nan)
