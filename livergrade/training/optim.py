"""The optimiser of a run and its learning rates."""

import math
from typing import Any

import torch
from torch import nn

from livergrade.config.schema import OptimConfig
from livergrade.models.layers import layer_depths


def make_optimizer(net: nn.Module, options: OptimConfig, *, fused: bool) -> torch.optim.Optimizer:
    """SGD or AdamW over what of a network is trained.

    Args:
        net: the network.
        options: ``optim.*``.
        fused: one kernel for all parameters.
    """
    shared: dict[str, Any] = {"lr": options.lr, "weight_decay": options.weight_decay, "fused": fused}
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    groups = _layers(net, options.lr, options.layer_decay) if options.layer_decay < 1 else trained
    if options.name == "sgd":
        return torch.optim.SGD(groups, momentum=options.momentum, nesterov=options.nesterov, **shared)
    return torch.optim.AdamW(groups, **shared)


def _layers(net: nn.Module, lr: float, decay: float) -> list[dict[str, Any]]:
    """A group of parameters for each layer, the head first, with a rate that falls towards the image."""
    height = layer_depths(net)
    top = max(height.values())
    groups: dict[int, list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        groups.setdefault(top - height[name], []).append(parameter)
    return [{"params": groups[depth], "lr": lr * decay**depth} for depth in sorted(groups)]


def cosine_schedule(
    optimizer: torch.optim.Optimizer, steps: int, *, warmup: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Learning rates that rise linearly over ``warmup`` of ``steps`` and fall to zero along a cosine."""
    warmup = min(warmup, steps - 1)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        share = min(1.0, (step - warmup) / max(1, steps - warmup))
        return (1 + math.cos(math.pi * share)) / 2

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
