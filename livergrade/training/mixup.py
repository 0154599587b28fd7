"""Mixing training views, and their targets with them."""

from __future__ import annotations

import torch
from torch import Tensor


def mixed(shown: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Mixup (arXiv:1710.09412, its equation 1), each view with a share of its own.

    Shares come from Beta(alpha, alpha), and of two views the one with the larger share counts as the view
    itself, which draws the same pairs and leaves each with the grade that most of it shows. All is drawn on
    the host, so that a seed means the same on every device.

    Args:
        shown: views ``float [B, 3, H, W]`` or embeddings ``float [B, features]``.
        targets: ``float [B, grades]``.
        alpha: above 0; towards 0 views are left alone, at 1 all shares are alike.

    Returns:
        Both, mixed.
    """
    beta = torch.tensor(alpha, dtype=torch.float32)  # it can't be drawn in half precision
    drawn = torch.distributions.Beta(beta, beta).sample((len(shown),))
    own = torch.maximum(drawn, 1 - drawn).to(shown.device)
    other = torch.randperm(len(shown)).to(shown.device)
    share = own.view(-1, *[1] * (shown.ndim - 1)).to(shown.dtype)
    return (
        share * shown + (1 - share) * shown[other],
        own[:, None] * targets + (1 - own[:, None]) * targets[other],
    )
