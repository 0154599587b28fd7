"""Build a classifier by its name in the catalogue."""

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

    For the five of the paper H and W may be anything from 32 to 512 pixels and need not be equal. The network
    keeps where its class-activation maps are taken, as ``cam_layer``.

    Args:
        name: One of :data:`livergrade.models.catalog.MODELS`.
        num_classes: Number of grades.
        head: One of :data:`livergrade.models.catalog.HEADS`.
        **options: Those that the catalogue lists for the model; left out, they are its paper's.

    Raises:
        UserError: The name is unknown, the options do not fit the model, or the catalogue takes maps at a
            module that the network does not have.
    """
    if name not in ARCHITECTURES:
        raise UserError(f"model {name!r} does not exist; choose one of: {', '.join(MODELS)}")
    entry = ARCHITECTURES[name]
    net = entry.build(num_classes, **options)
    if head == "corn":
        place, linear = find_head(net)
        net.set_submodule(place, Corn(linear.in_features, num_classes))
    layer = entry.cam(net) if callable(entry.cam) else entry.cam
    if layer and layer.layer not in dict(net.named_modules()):
        raise UserError(
            f"model {name}: the catalogue takes maps at {layer.layer!r}, which is no module of the network: "
            "name the last module before the mean over places, or cam=None"
        )
    net.cam_layer = layer  # type: ignore[assignment]
    return net


def normalisation(name: str, **options: Any) -> Normalisation:  # noqa: ANN401
    """Mean and standard deviation of the channels a model's views are normalised by.

    ImageNet's for the five of the paper; for a backbone of timm what its published weights expect.
    """
    entry = ARCHITECTURES[name]
    return entry.normalisation(**options) if callable(entry.normalisation) else entry.normalisation
