"""Where the layers of a network lie: its head, what enters it, and how far the others are below it."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from livergrade.models.ordinal import Corn


def head(net: nn.Module) -> tuple[str, nn.Linear | Corn]:
    """Name and module of the layer that makes the logits: timm's classifier, else the last that could."""
    heads = [(name, part) for name, part in net.named_modules() if isinstance(part, nn.Linear | Corn)]
    if hasattr(net, "get_classifier"):
        classifier = net.get_classifier()  # type: ignore[operator]
        return next((name, part) for name, part in heads if part is classifier)
    return heads[-1]


def count(net: nn.Module) -> tuple[int, int]:
    """Number of parameters, and of those that are trained."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in net.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained)


@torch.no_grad()
def embeddings(net: nn.Module, views: Tensor) -> Tensor:
    """What enters the head, ``[B, features]``, when the network sees ``views [B, 3, H, W]``."""
    entered: list[Tensor] = []
    hook = head(net)[1].register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0]))
    try:
        net(views)
    finally:
        hook.remove()
    return entered[0]


def layer_depths(net: nn.Module) -> dict[str, int]:
    """How many layers lie below each parameter, by its name; the head lies highest.

    A layer is what timm takes for one; elsewhere a numbered block (``layer3.5``, ``features.28``) or a module
    of the network itself (``conv1``), in the order in which they were registered.
    """
    if hasattr(net, "group_matcher"):
        from timm.models import group_parameters

        layers_of_timm = net.group_matcher(coarse=False)  # type: ignore[operator]
        found: dict[str, int] = group_parameters(net, layers_of_timm, reverse=True)
        return found
    layers = {name: re.findall(r"^\w+\.\d+|^\w+", name)[0] for name, _ in net.named_parameters()}
    order = {layer: height for height, layer in enumerate(dict.fromkeys(layers.values()))}
    return {name: order[layer] for name, layer in layers.items()}
