"""Ordinal head: for each grade but the worst, a binary output: is the true grade at least this one?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Corn(nn.Module):
    """Conditional ordinal regression, CORN (arXiv:2111.08851), as a head that outputs log-probabilities.

    K - 1 linear outputs z are the conditional probabilities ``f_k = P(y > k | y > k - 1) = sigmoid(z_k)``
    and by the chain rule ``P(y = k) = f_0 ... f_{k-1} (1 - f_k)``, grades and tasks counted from 0: a grade
    is never reached without the grades before it. The output is the logarithm of these probabilities. Its
    softmax equals the probabilities, so it can be used like any other logits; and its
    cross-entropy, summed over a batch, is the paper's loss except for the divisor, the number of (view, task)
    pairs: a view of grade y adds ``-log f_k`` for each k < y, and ``-log(1 - f_y)``.

    The parameter names differ from a linear layer's, so a linear head with as many outputs is not loaded.

    Args:
        in_features: size of the embedding.
        grades: K, at least 2.
    """

    def __init__(self, in_features: int, grades: int) -> None:
        super().__init__()
        self.in_features = in_features
        linear = nn.Linear(in_features, grades - 1)
        self.conditional_weight, self.conditional_bias = linear.weight, linear.bias

    def forward(self, embedding: Tensor) -> Tensor:
        """``float [B, in_features]`` → log-probabilities ``float32 [B, grades]``."""
        z = F.linear(embedding, self.conditional_weight, self.conditional_bias).float()
        log_reached = F.logsigmoid(z).cumsum(1)
        log_one = torch.zeros_like(z[:, :1])
        return torch.cat([log_one, log_reached], 1) + torch.cat([F.logsigmoid(-z), log_one], 1)
