"""Layers of a network: its head, the embeddings that enter it, and the depth of each layer."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from livergrade.models.ordinal import Corn


def head(net: nn.Module) -> tuple[str, nn.Linear | Corn]:
    """Name and module of the layer that outputs the logits: timm's classifier, else the last linear layer."""
    heads = [(name, part) for name, part in net.named_modules() if isinstance(part, nn.Linear | Corn)]
    if hasattr(net, "get_classifier"):
        classifier = net.get_classifier()  # type: ignore[operator]
        return next((name, part) for name, part in heads if part is classifier)
    return heads[-1]


def count(net: nn.Module) -> tuple[int, int]:
    """Number of parameters, and number of trainable parameters."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in net.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained)


@torch.no_grad()
def embeddings(net: nn.Module, views: Tensor) -> Tensor:
    """Embeddings: input of the head, ``[B, features]``, for ``views [B, 3, H, W]``."""
    head_inputs: list[Tensor] = []
    hook = head(net)[1].register_forward_pre_hook(lambda _, inputs: head_inputs.append(inputs[0]))
    try:
        net(views)
    finally:
        hook.remove()
    return head_inputs[0]


def layer_depths(net: nn.Module) -> dict[str, int]:
    """Depth of each parameter, by name: number of layers below it; the head is the highest.

    For timm networks, layers are timm's parameter groups; otherwise a layer is a numbered block
    (``layer3.5``, ``features.28``) or a module of the network itself (``conv1``), in the order of their
    registration.
    """
    if hasattr(net, "group_matcher"):
        from timm.models import group_parameters

        layers_of_timm = net.group_matcher(coarse=False)  # type: ignore[operator]
        depths: dict[str, int] = group_parameters(net, layers_of_timm, reverse=True)
        return depths
    layers = {name: re.findall(r"^\w+\.\d+|^\w+", name)[0] for name, _ in net.named_parameters()}
    order = {layer: depth for depth, layer in enumerate(dict.fromkeys(layers.values()))}
    return {name: order[layer] for name, layer in layers.items()}
