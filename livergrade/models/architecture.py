"""What the catalogue tells of an architecture; no torch is imported here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


Normalisation = tuple[tuple[float, ...], tuple[float, ...]]

IMAGENET: Normalisation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's channels, of images scaled to [0, 1]."""


@dataclass(frozen=True)
class CamLayer:
    """Where class-activation maps are taken: the last layer that still knows where in the image a feature is.

    Attributes:
        layer: name of the module in the network.
        channels: number of features at each position, where the module may give them last; None if it gives
            ``[B, channels, h, w]``.
        prefix: number of tokens before those of the image; 0 for convolutional networks.
    """

    layer: str
    channels: int | None = None
    prefix: int = 0


@dataclass(frozen=True)
class Architecture:
    """One entry of the catalogue.

    Attributes:
        build: makes, from a number of classes and the options by keyword, a network of float images
            ``[B, 3, H, W]`` into logits ``[B, classes]`` that ends in a linear layer.
        options: names of the options of ``ModelConfig`` that ``build`` takes.
        printed: the name under which the paper prints it; empty for one that is not the paper's.
        cam: where its class-activation maps are taken, or what finds that in a network that was built; None
            for a network without such a layer: no maps are made of it.
        normalisation: mean and standard deviation of the channels, or what gives them for the options.
    """

    build: Callable[..., nn.Module]
    options: tuple[str, ...] = ()
    printed: str = ""
    cam: CamLayer | Callable[[nn.Module], CamLayer] | None = None
    normalisation: Normalisation | Callable[..., Normalisation] = IMAGENET
