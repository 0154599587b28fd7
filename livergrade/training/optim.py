"""Optimizer and learning-rate schedule of a run."""

import math
from typing import Any

import torch
from torch import nn

from livergrade.config.schema import OptimConfig
from livergrade.models.layers import layer_depths


def make_optimizer(net: nn.Module, options: OptimConfig, *, fused: bool) -> torch.optim.Optimizer:
    """Return SGD or AdamW over the trainable parameters of a network.

    Args:
        net: the network.
        options: ``optim.*``.
        fused: use one fused kernel for all parameters.
    """
    shared: dict[str, Any] = {"lr": options.lr, "weight_decay": options.weight_decay, "fused": fused}
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    groups = _layer_groups(net, options.lr, options.layer_decay) if options.layer_decay < 1 else trained
    if options.name == "sgd":
        return torch.optim.SGD(groups, momentum=options.momentum, nesterov=options.nesterov, **shared)
    return torch.optim.AdamW(groups, **shared)


def _layer_groups(net: nn.Module, lr: float, decay: float) -> list[dict[str, Any]]:
    """Return one parameter group per layer, head first; the learning rate decays towards the input layer."""
    layer_index = layer_depths(net)
    top = max(layer_index.values())
    groups: dict[int, list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        groups.setdefault(top - layer_index[name], []).append(parameter)
    return [{"params": groups[depth], "lr": lr * decay**depth} for depth in sorted(groups)]


def cosine_schedule(
    optimizer: torch.optim.Optimizer, steps: int, *, warmup: int, frozen: int = 0
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up over the first ``warmup`` of ``steps`` steps, then cosine decay to zero.

    Before them come ``frozen`` steps at the full rate, in which the head alone is trained.
    """
    warmup = min(warmup, steps - 1)

    def factor(step: int) -> float:
        if step < frozen:
            return 1.0
        step -= frozen
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = min(1.0, (step - warmup) / max(1, steps - warmup))
        return (1 + math.cos(math.pi * progress)) / 2

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
