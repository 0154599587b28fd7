"""Attention for convolutional networks: SE, CBAM and SK, each as in its paper.

In all three the attention gates are the output of a submodule named ``gate``. No other submodule of the
models has that name: a forward hook on every module whose name ends in ``.gate`` collects them all.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Squeeze-and-excitation, arXiv:1709.01507: weights each channel using the means of all channels.

    Squeeze (eq. 2) ``z = mean over H, W of x``; excitation (eq. 3) ``s = sigmoid(W2 relu(W1 z))``;
    scale (eq. 4) ``s * x``. Both fully connected layers have biases, as in the authors' Caffe models.

    Args:
        channels: Channels C of the input and the output.
        reduction: Ratio r of C to the width of the hidden layer (the paper's 16).

    Shapes:
        Input and output ``[B, C, H, W]``; ``gate`` ``[B, C]`` in (0, 1).
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, channels // reduction)
        self.expand = nn.Linear(channels // reduction, channels)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Weight the channels of x."""
        squeezed = x.mean((2, 3))
        s: Tensor = self.gate(self.expand(self.reduce(squeezed).relu()))
        return x * s[:, :, None, None]


class ChannelAttention(nn.Module):
    """CBAM's channel attention, arXiv:1807.06521 eq. 2: ``sigmoid(MLP(mean of x) + MLP(maximum of x))``.

    One MLP serves both descriptors; its layers have biases, as in the authors' code.

    Args:
        channels: Channels C of the input and the output.
        reduction: Ratio r of C to the width of the hidden layer.

    Shapes:
        Input and output ``[B, C, H, W]``; ``gate`` ``[B, C]`` in (0, 1).
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(channels, channels // reduction), nn.ReLU(), nn.Linear(channels // reduction, channels)
        )
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Weight the channels of x."""
        m: Tensor = self.gate(self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3))))
        return x * m[:, :, None, None]


class SpatialAttention(nn.Module):
    """CBAM's spatial attention, arXiv:1807.06521 eq. 3: ``sigmoid(conv([mean of x; maximum of x]))``.

    Mean and maximum run over channels and enter the convolution in the paper's order (the authors' code has
    the maximum first). A batch norm follows the convolution, which has no bias, as in the authors' code.

    Args:
        kernel_size: Kernel size of the convolution, odd.

    Shapes:
        Input and output ``[B, C, H, W]``; ``gate`` ``[B, 1, H, W]`` in (0, 1).
    """

    def __init__(self, *, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Weight the positions of x."""
        pooled = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        m: Tensor = self.gate(self.bn(self.conv(pooled)))
        return x * m


class CBAM(nn.Sequential):
    """Convolutional block attention, arXiv:1807.06521 eq. 1: channel attention, then spatial attention.

    Args:
        channels: Channels C of the input and the output.
        reduction: Ratio r of C to the width of the hidden layer of the channel attention (the paper's 16).
        kernel_size: Kernel size of the spatial attention, odd (the paper's 7).

    Shapes:
        Input and output ``[B, C, H, W]``; ``channel.gate`` ``[B, C]``, ``spatial.gate`` ``[B, 1, H, W]``.
    """

    def __init__(self, channels: int, *, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, reduction=reduction)
        self.spatial = SpatialAttention(kernel_size=kernel_size)


class SelectiveKernel(nn.Module):
    """Selective-kernel convolution, arXiv:1903.06586: each channel selects among receptive fields.

    Split: branch i is a grouped 3×3 convolution of dilation i + 1 (fields of 3×3, 5×5, ...), batch norm and
    ReLU. Fuse: ``U = sum of the branches`` (eq. 1), ``s = mean over H, W of U`` (eq. 2),
    ``z = relu(bn(W s))`` of width ``d = max(C / r, L)`` (eq. 3, 4). Select: a softmax over the branches for
    each channel, of ``A z``, ``B z``, ... (eq. 5), weighs their sum (eq. 6).

    In training the batch norm of eq. 3 needs at least two images in a batch.

    Args:
        channels: Channels C of the input and the output, a multiple of ``groups``.
        stride: Stride of every branch.
        branches: Number of receptive fields M (the paper's 2).
        groups: Groups G of the convolutions (the paper's 32).
        reduction: Ratio r of C to the width of z (the paper's 16).
        min_width: Minimum width L of z (the paper's 32).

    Shapes:
        Input ``[B, C, H, W]``; output ``[B, C, ceil(H / stride), ceil(W / stride)]``; ``gate``
        ``[B, M, C]``, summing to 1 over M.
    """

    def __init__(
        self,
        channels: int,
        *,
        stride: int = 1,
        branches: int = 2,
        groups: int = 32,
        reduction: int = 16,
        min_width: int = 32,
    ) -> None:
        super().__init__()
        width = max(channels // reduction, min_width)
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, stride, padding=d, dilation=d, groups=groups, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            )
            for d in range(1, branches + 1)
        )
        self.fuse = nn.Sequential(
            nn.Linear(channels, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True)
        )
        self.select = nn.Linear(width, branches * channels, bias=False)
        self.gate = nn.Softmax(dim=1)
        for module in self.branches.modules():
            if isinstance(module, nn.Conv2d):  # initialised as in torchvision's ResNet
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x with each receptive field and combine them with the attention weights."""
        fields = [branch(x) for branch in self.branches]
        z = self.fuse(reduce(torch.add, fields).mean((2, 3)))
        weights = self.gate(self.select(z).unflatten(1, (len(fields), -1)))
        weighted: list[Tensor] = [
            u * w[:, :, None, None] for u, w in zip(fields, weights.unbind(1), strict=True)
        ]
        return reduce(torch.add, weighted)
