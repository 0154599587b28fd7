"""ResNet-50, with room for attention: one network behind ``resnet50``, ``cbam``, ``senet`` and ``sknet``."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet


class GatedBottleneck(Bottleneck):  # type: ignore[misc]  # torchvision ships no types
    """Torchvision's bottleneck, with attention between its last batch norm and the addition."""

    attention: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, in, H, W]`` to ``[B, out, H / stride, W / stride]``."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.attention(self.bn3(self.conv3(out)))
        out += x if self.downsample is None else self.downsample(x)
        activated: Tensor = self.relu(out)
        return activated


def resnet50(
    num_classes: int,
    *,
    gate: Callable[[int], nn.Module] | None = None,
    conv: Callable[..., nn.Module] | None = None,
    width: int = 64,
) -> ResNet:
    """Torchvision's ResNet-50 v1.5 (arXiv:1512.03385, with the stride in the 3×3), plain or with attention.

    Convolutions start from He's normal initialisation over their outputs, linear layers from PyTorch's
    default, and the last batch norm of each residual branch from zero, so that every block starts as its
    shortcut (arXiv:1706.02677, section 5.1). The loss then falls sooner than from one, and the running
    statistics that evaluation uses stay valid through the first steps. Whatever lies inside a branch,
    attention included, gets its first gradient at the second step.

    Args:
        num_classes: Number of outputs.
        gate: Makes, from a number of channels, the attention that ends each of the 16 residual branches:
            after the last batch norm, before the addition. Its parameters are ``layer<i>.<j>.attention.*``.
        conv: Makes, from a number of channels and the keyword ``stride``, what replaces each 3×3 convolution
            and its batch norm. Its parameters are ``layer<i>.<j>.conv2.*``.
        width: Channels of the 3×3 convolutions in the first stage, doubled in each that follows; 128 in
            ResNeXt-50 32×4d (arXiv:1611.05431).

    Returns:
        A network of float images ``[B, 3, H, W]`` into logits ``[B, num_classes]``. Parameters that
        torchvision's has as well are named as there.
    """
    net = ResNet(
        GatedBottleneck if gate else Bottleneck,
        [3, 4, 6, 3],
        num_classes,
        zero_init_residual=True,
        width_per_group=width,
    )
    for block in [m for m in net.modules() if isinstance(m, Bottleneck)]:
        if gate:
            block.attention = gate(block.bn3.num_features)
        if conv:
            block.conv2 = conv(block.bn2.num_features, stride=block.stride)
            block.bn2 = nn.Identity()
    return net
