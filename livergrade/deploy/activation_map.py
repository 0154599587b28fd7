"""Class-activation maps with tensor operations only, for export, where they are exact without gradients.

Where a network averages its last layer over the image before a linear head, a grade's logit depends on that
layer in the same way at every position and for every image. Its class-activation map then is a weighted sum
of the layer's channels. Other heads need gradients, which an exported file does not compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from livergrade.explanations.maps import feature_gradients
from livergrade.models.hooks import cam_target, has_maps
from livergrade.models.mean_network import members_of

if TYPE_CHECKING:
    from livergrade.inference.grader import Grader

CLOSE = 1e-5
"""Share of the largest gradient by which two positions or images may differ where the head is linear."""


def channel_weights(grader: Grader) -> list[Tensor]:
    """What each channel of the last layer adds to a grade's map, of each member of an ensemble.

    Args:
        grader: the network.

    Returns:
        ``float32 [classes, channels]`` of each network; empty where the map is no weighted sum of channels,
        or the network has no layer for maps.
    """
    found = []
    noise = torch.Generator().manual_seed(0)
    size = grader.image_size
    for net in members_of(grader.net):
        if not has_maps(net):
            return []
        views = torch.randn(2, 3, size, size, generator=noise)
        gradients = torch.stack(feature_gradients(net, views)[2], 1)  # [2, classes, channels, h, w]
        weight = gradients.mean((0, 3, 4))
        if (gradients - weight[..., None, None]).abs().max() > CLOSE * gradients.abs().max():
            return []
        found.append(weight)
    return found


@contextmanager
def captured(net: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what the layer for maps puts out, ``[B, channels, h, w]``, of each member of an ensemble."""
    features: list[Tensor] = []
    hooks = []
    for member in members_of(net):
        target = cam_target(member)
        hooks.append(
            target.module.register_forward_hook(
                lambda _, __, output, target=target: features.append(target.as_map(output))
            )
        )
    try:
        yield features
    finally:
        for hook in hooks:
            hook.remove()


def activation_map(features: list[Tensor], weights: list[Tensor]) -> Tensor:
    """Maps of every grade, the mean over the members of an ensemble.

    Args:
        features: of each network, ``float [B, channels, h, w]``.
        weights: from :func:`channel_weights`.

    Returns:
        ``float32 [B, classes, h, w]``; positive is evidence for the grade.
    """
    maps = [
        torch.einsum("bchw,kc->bkhw", one.float(), weight)
        for one, weight in zip(features, weights, strict=True)
    ]
    return torch.stack(maps).mean(0)
