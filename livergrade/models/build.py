"""Build a classifier by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from livergrade.errors import UserError
from livergrade.models.catalog import IMAGENET, MODELS, Normalisation

if TYPE_CHECKING:
    from torch import nn


def build(name: str, num_classes: int, head: str = "softmax", **options: Any) -> nn.Module:  # noqa: ANN401 - int or str
    """Build a classifier of float images ``[B, 3, H, W]`` into raw logits ``[B, num_classes]``.

    For the five of the paper H and W may be anything from 32 to 512 pixels and need not be equal.

    Args:
        name: One of :data:`MODELS`.
        num_classes: Number of grades.
        head: One of :data:`HEADS`.
        **options: Those that :data:`OPTIONS` lists for the model; left out, they are its paper's.

    Raises:
        UserError: The name is unknown, or the options do not fit the model.
    """
    from livergrade.models.attention import CBAM, SelectiveKernel, SqueezeExcitation
    from livergrade.models.backbone import build_backbone
    from livergrade.models.layers import head as find_head
    from livergrade.models.ordinal import Corn
    from livergrade.models.resnet import resnet50
    from livergrade.models.vgg import vgg16

    architectures: dict[str, Callable[[], nn.Module]] = {
        "vgg16": lambda: vgg16(num_classes),
        "resnet50": lambda: resnet50(num_classes),
        "cbam": lambda: resnet50(num_classes, gate=partial(CBAM, **options)),
        "senet": lambda: resnet50(num_classes, gate=partial(SqueezeExcitation, **options)),
        "sknet": lambda: resnet50(num_classes, conv=partial(SelectiveKernel, **options), width=128),
        "timm": lambda: build_backbone(num_classes, **options),
    }
    if name not in architectures:
        raise UserError(f"model {name!r} does not exist; choose one of: {', '.join(MODELS)}")
    net = architectures[name]()
    if head == "corn":
        place, linear = find_head(net)
        net.set_submodule(place, Corn(linear.in_features, num_classes))
    return net


def normalisation(name: str, **options: Any) -> Normalisation:  # noqa: ANN401
    """Mean and standard deviation of the channels a model's views are normalised by.

    ImageNet's for the five of the paper; for a backbone of timm what its published weights expect.
    """
    from livergrade.models import backbone

    return backbone.normalisation(**options) if name == "timm" else IMAGENET
