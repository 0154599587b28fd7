"""ResNet-50 with optional attention: the network of ``resnet50``, ``cbam``, ``senet`` and ``sknet``."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

EXPANSION = 4
"""Ratio of a block's output channels to its first convolution's channels in ResNet-50."""


class Bottleneck(nn.Module):
    """A residual block of three convolutions, the second with the stride (ResNet v1.5).

    Attention, if any, is applied between the last batch norm and the addition.

    Args:
        channels_in: input channels.
        planes: channels of the stage; the block outputs ``EXPANSION * planes`` channels.
        width: channels of the 3×3 convolution.
        stride: stride of the 3×3 convolution.
        downsample: maps the input to the shape of the output; None if the shapes are equal.
    """

    def __init__(
        self, channels_in: int, planes: int, width: int, stride: int, downsample: nn.Module | None
    ) -> None:
        super().__init__()
        out = EXPANSION * planes
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2: nn.Module = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.attention: nn.Module = nn.Identity()
        self.width, self.stride = width, stride

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, in, H, W]`` to ``[B, out, H / stride, W / stride]``."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.attention(self.bn3(self.conv3(out)))
        out += x if self.downsample is None else self.downsample(x)
        activated: Tensor = self.relu(out)
        return activated


class ResNet(nn.Module):
    """ResNet-50 v1.5, with torchvision's layer names.

    Args:
        num_classes: number of outputs.
        width: channels of the 3×3 convolutions in the first stage, doubled in each following stage.
    """

    def __init__(self, num_classes: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels, stages = 64, []
        for number, blocks in enumerate((3, 4, 6, 3)):
            stages.append(_stage(blocks, channels, 64 * 2**number, width * 2**number, number > 0))
            channels = EXPANSION * 64 * 2**number
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``float [B, 3, H, W]`` → logits ``float [B, num_classes]``."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


def _stage(blocks: int, channels_in: int, planes: int, width: int, halves: bool) -> nn.Sequential:
    """A stage of blocks; the first changes the channels and, from the second stage on, halves the size."""
    stride, out = 1 + halves, EXPANSION * planes
    downsample = nn.Sequential(
        nn.Conv2d(channels_in, out, 1, stride, bias=False),
        nn.BatchNorm2d(out),
    )
    first = Bottleneck(channels_in, planes, width, stride, downsample)
    return nn.Sequential(first, *(Bottleneck(out, planes, width, 1, None) for _ in range(blocks - 1)))


def resnet50(
    num_classes: int,
    *,
    gate: Callable[[int], nn.Module] | None = None,
    conv: Callable[..., nn.Module] | None = None,
    width: int = 64,
) -> ResNet:
    """ResNet-50 v1.5 (arXiv:1512.03385, with the stride in the 3×3), plain or with attention.

    Convolutions use He normal initialisation (fan-out), linear layers PyTorch's default. The last batch norm
    of each residual branch starts with weight zero, so that every block starts as its shortcut
    (arXiv:1706.02677, section 5.1). The loss then decreases earlier than with weight one, and the running
    statistics used in evaluation stay valid through the first steps. All layers inside a branch, attention
    included, get their first gradient at the second step.

    Args:
        num_classes: Number of outputs.
        gate: Function of the number of channels that builds the attention at the end of each of the 16
            residual branches: after the last batch norm, before the addition. Its parameters are
            ``layer<i>.<j>.attention.*``.
        conv: Function of the number of channels and the keyword ``stride`` that builds the replacement of
            each 3×3 convolution and its batch norm. Its parameters are ``layer<i>.<j>.conv2.*``.
        width: Channels of the 3×3 convolutions in the first stage, doubled in each following stage; 128 in
            ResNeXt-50 32×4d (arXiv:1611.05431).

    Returns:
        A network of float images ``[B, 3, H, W]`` into logits ``[B, num_classes]``. Parameters that
        torchvision's ResNet also has are named as there.
    """
    net = ResNet(num_classes, width)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    for block in [module for module in net.modules() if isinstance(module, Bottleneck)]:
        nn.init.zeros_(block.bn3.weight)
        if gate:
            block.attention = gate(block.bn3.num_features)
        if conv:
            block.conv2 = conv(block.width, stride=block.stride)
            block.bn2 = nn.Identity()
    return net
