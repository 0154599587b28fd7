"""Catalogue entry of an architecture; imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


Normalisation = tuple[tuple[float, ...], tuple[float, ...]]

IMAGENET: Normalisation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's channels, for images scaled to [0, 1]."""


@dataclass(frozen=True)
class CamLayer:
    """Target layer of class-activation maps: the last layer whose features keep their position in the image.

    Attributes:
        layer: name of the module in the network.
        channels: number of features at each position, if the module may output channels last; None if it
            outputs ``[B, channels, h, w]``.
        prefix: number of tokens before the image tokens; 0 for convolutional networks.
    """

    layer: str
    channels: int | None = None
    prefix: int = 0


@dataclass(frozen=True)
class Architecture:
    """One entry of the catalogue.

    Attributes:
        build: function of the number of classes and the options (by keyword) that returns a network from
            float images ``[B, 3, H, W]`` to logits ``[B, classes]``, ending in a linear layer.
        options: names of the ``ModelConfig`` options that ``build`` takes.
        printed: name in the paper; empty for a network that is not in the paper.
        cam: target layer of class-activation maps, or a function that finds it in the built network; None
            for a network without such a layer: no maps are made.
        normalisation: mean and standard deviation of the channels, or a function of the options that returns
            them.
    """

    build: Callable[..., nn.Module]
    options: tuple[str, ...] = ()
    printed: str = ""
    cam: CamLayer | Callable[[nn.Module], CamLayer] | None = None
    normalisation: Normalisation | Callable[..., Normalisation] = IMAGENET
