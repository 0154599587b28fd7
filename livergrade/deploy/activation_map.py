"""Class-activation maps with tensor operations only, for export, where they are exact without gradients.

Where a network averages its last layer over the image before a linear head, a grade's logit depends on that
layer in the same way at every position and for every image. Its class-activation map then is a weighted sum
of the layer's channels. VGG16's head is known, and so is its gradient. Others need gradients, which an
exported file does not compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from livergrade.deploy.vgg_map import has_vgg_map, vgg_map
from livergrade.explanations.maps import feature_gradients
from livergrade.models.hooks import cam_target, has_maps
from livergrade.models.mean_network import members_of

if TYPE_CHECKING:
    from livergrade.inference.grader import Grader
    from livergrade.models.vgg import VGG

CLOSE = 1e-5
"""Share of the largest gradient by which two positions or images may differ where the head is linear."""


def channel_weights(grader: Grader, *, weighted_only: bool = False) -> list[Tensor | None]:
    """What each channel of the last layer adds to a grade's map, of each member of an ensemble.

    Args:
        grader: the network.
        weighted_only: whether VGG16 counts as having no map, since it takes the weights of its head.

    Returns:
        ``float32 [classes, channels]`` of each network, None of a VGG16; empty where the map of one is
        neither, or it has no layer for maps.
    """
    found: list[Tensor | None] = []
    noise = torch.Generator().manual_seed(0)
    size = grader.image_size
    for net in members_of(grader.net):
        if not has_maps(net):
            return []
        if has_vgg_map(net) and not weighted_only:
            found.append(None)
            continue
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


def activation_map(net: nn.Module, features: list[Tensor], weights: list[Tensor | None]) -> Tensor:
    """Maps of every grade, the mean over the members of an ensemble.

    Args:
        net: the network, or several that answer as one.
        features: of each network, ``float [B, channels, h, w]``.
        weights: from :func:`channel_weights`.

    Returns:
        ``float32 [B, classes, h, w]``; positive is evidence for the grade.
    """
    maps = [
        vgg_map(cast("VGG", member), one.float())
        if weight is None
        else torch.einsum("bchw,kc->bkhw", one.float(), weight)
        for member, one, weight in zip(members_of(net), features, weights, strict=True)
    ]
    return torch.stack(maps).mean(0)
