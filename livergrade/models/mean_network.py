"""Several networks that answer as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MeanNetwork(nn.Module):
    """The ensemble of networks of one architecture and the same grades.

    It stands where a network stands: its logits are the logarithm of the mean of the members' probabilities,
    so that their softmax is that mean.

    Args:
        members: the networks, each ``float [B, 3, H, W]`` to logits ``[B, classes]``.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.cam_layer = getattr(members[0], "cam_layer", None)

    def forward(self, views: Tensor) -> Tensor:
        """``float [B, 3, H, W]`` → logits ``float32 [B, classes]``."""
        return joined_logits([member(views) for member in self.members])


def joined_logits(logits: Sequence[Tensor]) -> Tensor:
    """Logarithm of the mean of the members' probabilities.

    Args:
        logits: of each member, ``float [B, classes]``.

    Returns:
        ``float32 [B, classes]``; finite also where every member gives a grade no probability.
    """
    mean = torch.stack([one.float().softmax(1) for one in logits]).mean(0)
    return mean.clamp_min(torch.finfo(torch.float32).tiny).log()


def members_of(net: nn.Module) -> list[nn.Module]:
    """The networks of an ensemble, or the network itself."""
    return list(net.members) if isinstance(net, MeanNetwork) else [net]
