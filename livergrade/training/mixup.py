"""Mixup of training views and their targets."""

from __future__ import annotations

import torch
from torch import Tensor


def apply_mixup(inputs: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Mixup (arXiv:1710.09412, equation 1) with a separate mixing weight for each view.

    Weights come from Beta(alpha, alpha). Of two mixed views the one with the larger weight counts as the
    view itself: the distribution of pairs is the same, and each view keeps the grade of its larger part.
    All random numbers are drawn on the host, so that a seed gives the same result on every device; they are
    sent to it without waiting for what it has to do.

    Args:
        inputs: views ``float [B, 3, H, W]`` or embeddings ``float [B, features]``.
        targets: ``float [B, grades]``.
        alpha: above 0; near 0 views hardly change, at 1 the weights are uniform.

    Returns:
        Mixed inputs and mixed targets.
    """
    beta = torch.tensor(alpha, dtype=torch.float32)  # sampling is not possible in half precision
    samples = torch.distributions.Beta(beta, beta).sample((len(inputs),))
    weight = torch.maximum(samples, 1 - samples).to(inputs.device, non_blocking=True)
    partner = torch.randperm(len(inputs)).to(inputs.device, non_blocking=True)
    input_weight = weight.view(-1, *[1] * (inputs.ndim - 1)).to(inputs.dtype)
    return (
        input_weight * inputs + (1 - input_weight) * inputs[partner],
        weight[:, None] * targets + (1 - weight[:, None]) * targets[partner],
    )
