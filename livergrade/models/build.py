"""Build a classifier from its name in the catalogue."""

from __future__ import annotations

from typing import Any

from torch import nn

from livergrade.errors import UserError
from livergrade.models.architecture import Normalisation
from livergrade.models.catalog import ARCHITECTURES, MODELS
from livergrade.models.layers import head as find_head
from livergrade.models.ordinal import Corn


def build(name: str, num_classes: int, head: str = "softmax", **options: Any) -> nn.Module:  # noqa: ANN401 - int or str
    """Build a classifier of float images ``[B, 3, H, W]`` into raw logits ``[B, num_classes]``.

    For the five models of the paper H and W may be 32 to 512 pixels and need not be equal. The target layer
    of class-activation maps is stored in the network as ``cam_layer``.

    Args:
        name: One of :data:`livergrade.models.catalog.MODELS`.
        num_classes: Number of grades.
        head: One of :data:`livergrade.models.catalog.HEADS`.
        **options: Options that the catalogue lists for the model; default: values of its paper.

    Raises:
        UserError: The name is unknown, the options do not fit the model, or the catalogue takes maps at a
            module that the network does not have.
    """
    if name not in ARCHITECTURES:
        raise UserError(f"model {name!r} does not exist; choose one of: {', '.join(MODELS)}")
    entry = ARCHITECTURES[name]
    net = entry.build(num_classes, **options)
    if head == "corn":
        head_name, linear = find_head(net)
        net.set_submodule(head_name, Corn(linear.in_features, num_classes))
    layer = entry.cam(net) if callable(entry.cam) else entry.cam
    if layer and layer.layer not in dict(net.named_modules()):
        raise UserError(
            f"model {name}: maps are taken at {layer.layer!r}, which is not a module of the network: "
            "name the last module before the mean over places, or cam=None"
        )
    net.cam_layer = layer  # type: ignore[assignment]
    return net


def normalisation(name: str, **options: Any) -> Normalisation:  # noqa: ANN401
    """Mean and standard deviation of the channels, used to normalise a model's input.

    ImageNet's for the five models of the paper; for a timm backbone the values of its published weights.
    """
    entry = ARCHITECTURES[name]
    return entry.normalisation(**options) if callable(entry.normalisation) else entry.normalisation
