"""How much disk space the checkpoints of a run take."""

from __future__ import annotations

import torch

from livergrade.config.schema import TrainConfig
from livergrade.models.build import build
from livergrade.models.layers import count, head

COPIES = 3
"""The best and the last checkpoint, and one more while one of them is replaced."""


def checkpoints_size(config: TrainConfig) -> int:
    """Bytes of a run's checkpoints at their largest; the rest of its folder is small beside them.

    A checkpoint holds the weights, the state of the optimiser for each weight that is trained (two numbers
    for AdamW, one for SGD with momentum), and the moving average, all in float32. While a frozen network is
    trained, it holds the head alone, and the best one all weights in the end.

    Args:
        config: options that were checked.

    Raises:
        UserError: the network can't be built.
    """
    model = config.model
    with torch.device("meta"):  # no memory, and no random numbers
        net = build(model.name, len(config.data.classes), model.head, **model.architecture())
    weights, _ = count(net)
    trained = count(head(net)[1])[0] if model.frozen else weights
    states = 2 if config.optim.name == "adamw" else int(config.optim.momentum > 0)
    numbers = trained * (1 + states + (config.optim.ema is not None))
    return 4 * (COPIES * numbers + (weights if model.frozen else 0))
