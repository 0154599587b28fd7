"""A head for grades that are ordered: it asks of each grade but the worst whether it is reached."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Corn(nn.Module):
    """Conditional ordinal regression, CORN (arXiv:2111.08851), as a head that tells log-probabilities.

    K - 1 linear outputs z are the conditional probabilities ``f_k = P(y > k | y > k - 1) = sigmoid(z_k)``
    and by the chain rule ``P(y = k) = f_0 ... f_{k-1} (1 - f_k)``, grades and tasks counted from 0: a grade
    is never reached without those before it. What comes out are the logarithms of these probabilities. Their
    softmax is the probabilities themselves, so they are used as any other logits are; and their
    cross-entropy, summed over a batch, is the paper's loss but for its divisor, the number of (view, task)
    pairs: a view of grade y adds ``-log f_k`` for each k < y, and ``-log(1 - f_y)``.

    The parameters have names of their own, so that a file's linear head of as many outputs does not fit.

    Args:
        in_features: size of an embedding.
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
        reached = F.logsigmoid(z).cumsum(1)
        nothing = torch.zeros_like(z[:, :1])
        return torch.cat([nothing, reached], 1) + torch.cat([F.logsigmoid(-z), nothing], 1)
