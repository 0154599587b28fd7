"""The classifiers, by name.

Importing this package does not import torch, so reports and comparisons can use the names alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from livergrade.errors import UserError

if TYPE_CHECKING:
    from torch import nn

NAMES: dict[str, str] = {
    "vgg16": "VGG16",
    "resnet50": "ResNet50",
    "cbam": "ResNet50_CBAM",
    "senet": "SENet",
    "sknet": "SKNet",
}
"""Each model's name on the command line, and the name it is printed under."""

MODELS: tuple[str, ...] = tuple(NAMES)


def build(name: str, num_classes: int) -> nn.Module:
    """Build a classifier of float images ``[B, 3, H, W]`` into raw logits ``[B, num_classes]``.

    H and W may be anything from 32 to 512 pixels and need not be equal.

    Args:
        name: One of :data:`MODELS`.
        num_classes: Number of grades.

    Raises:
        UserError: The name is unknown.
    """
    from livergrade.models.attention import CBAM, SelectiveKernel, SqueezeExcitation
    from livergrade.models.resnet import resnet50
    from livergrade.models.vgg import vgg16

    architectures: dict[str, Callable[[int], nn.Module]] = {
        "vgg16": vgg16,
        "resnet50": resnet50,
        "cbam": partial(resnet50, gate=CBAM),
        "senet": partial(resnet50, gate=SqueezeExcitation),
        "sknet": partial(resnet50, conv=SelectiveKernel, groups=32, width_per_group=4),
    }
    if name not in architectures:
        raise UserError(f"model {name!r} does not exist; choose one of: {', '.join(MODELS)}")
    return architectures[name](num_classes)
