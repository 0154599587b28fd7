"""Catalogue of architectures: builder, options and target layer of class-activation maps of each.

An architecture is one entry of :data:`ARCHITECTURES`; nothing else in the package refers to it by name. Only
the builders import torch, so that options and reports can use the names without it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from livergrade.models.architecture import Architecture, CamLayer, Normalisation

if TYPE_CHECKING:
    from torch import nn


HEADS: tuple[str, ...] = ("softmax", "corn")
"""Kinds of head: one output per grade, or :class:`livergrade.models.ordinal.Corn`."""


def _vgg16(num_classes: int) -> nn.Module:
    from livergrade.models.vgg import vgg16

    return vgg16(num_classes)


def _resnet50(num_classes: int) -> nn.Module:
    from livergrade.models.resnet import resnet50

    return resnet50(num_classes)


def _cbam(num_classes: int, **options: int) -> nn.Module:
    from livergrade.models.attention import CBAM
    from livergrade.models.resnet import resnet50

    return resnet50(num_classes, gate=partial(CBAM, **options))


def _senet(num_classes: int, **options: int) -> nn.Module:
    from livergrade.models.attention import SqueezeExcitation
    from livergrade.models.resnet import resnet50

    return resnet50(num_classes, gate=partial(SqueezeExcitation, **options))


def _sknet(num_classes: int, **options: int) -> nn.Module:
    from livergrade.models.attention import SelectiveKernel
    from livergrade.models.resnet import resnet50

    return resnet50(num_classes, conv=partial(SelectiveKernel, **options), width=128)


def _timm(num_classes: int, *, backbone: str) -> nn.Module:
    from livergrade.models.backbone import build_backbone

    return build_backbone(num_classes, backbone=backbone)


def _cam_of_timm(net: nn.Module) -> CamLayer:
    from livergrade.models.backbone import cam_layer

    return cam_layer(net)


def _normalisation_of_timm(backbone: str) -> Normalisation:
    from livergrade.models.backbone import normalisation

    return normalisation(backbone)


_LAST_BLOCK = CamLayer("layer4.2", 2048)

ARCHITECTURES: dict[str, Architecture] = {
    "vgg16": Architecture(
        _vgg16, printed="VGG16", cam=CamLayer("features.29", 512)
    ),  # before the last pooling
    "resnet50": Architecture(_resnet50, printed="ResNet50", cam=_LAST_BLOCK),
    "cbam": Architecture(_cbam, ("reduction", "kernel_size"), "ResNet50_CBAM", _LAST_BLOCK),
    "senet": Architecture(_senet, ("reduction",), "SENet", _LAST_BLOCK),
    "sknet": Architecture(_sknet, ("reduction", "branches", "groups", "min_width"), "SKNet", _LAST_BLOCK),
    "timm": Architecture(_timm, ("backbone",), cam=_cam_of_timm, normalisation=_normalisation_of_timm),
}
"""Architectures by their name on the command line, ``model=<name>``."""

MODELS: tuple[str, ...] = tuple(ARCHITECTURES)

NAMES: dict[str, str] = {name: entry.printed for name, entry in ARCHITECTURES.items() if entry.printed}
"""Name on the command line → name in the paper, for the paper's models."""

OPTIONS: dict[str, tuple[str, ...]] = {name: entry.options for name, entry in ARCHITECTURES.items()}
"""Model name → names of the options that it takes."""


def label(name: str, backbone: str | None = None) -> str:
    """Name of a model in headings and folder names: the backbone if timm builds it, else the model name."""
    return backbone or name
