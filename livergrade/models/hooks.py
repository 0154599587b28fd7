"""Look inside a network: the attention it computes, and where its class-activation maps are taken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import VGG

from livergrade.models.attention import ChannelAttention, SelectiveKernel, SpatialAttention, SqueezeExcitation

KINDS: dict[type[nn.Module], str] = {
    SqueezeExcitation: "channel",
    ChannelAttention: "channel",
    SpatialAttention: "spatial",
    SelectiveKernel: "branch",
}
"""What the gates of each block weigh."""


@dataclass(frozen=True)
class Attention:
    """The gates of one block for a batch.

    Attributes:
        layer: Name of the block in the network.
        kind: ``channel``, ``spatial`` or ``branch``.
        gates: ``[B, C]`` in (0, 1) for channels, ``[B, 1, h, w]`` in (0, 1) for positions, ``[B, M, C]`` that
            sum to 1 over the M branches.
    """

    layer: str
    kind: str
    gates: Tensor


@torch.no_grad()
def attention(net: nn.Module, views: Tensor) -> tuple[Tensor, list[Attention]]:
    """Run a network and keep the gates of every SE, CBAM and SK block it passes.

    The network's mode and weights stay as they are, no hook stays behind, and a compiled network is run as it
    was before it was compiled.

    Args:
        net: Of :func:`livergrade.models.build`.
        views: ``float [B, 3, H, W]``.

    Returns:
        The logits ``[B, classes]``, and the gates in the order of the network's layers: none of VGG16,
        ResNet50 and the networks of timm.
    """
    kept: list[Attention] = []
    hooks = []
    for name, block in net.named_modules():
        if kind := KINDS.get(type(block)):
            layer = name.removeprefix("_orig_mod.")

            def keep(_: nn.Module, __: Any, gates: Tensor, layer: str = layer, kind: str = kind) -> None:  # noqa: ANN401
                kept.append(Attention(layer, kind, gates.detach()))

            hooks.append(block.get_submodule("gate").register_forward_hook(keep))
    try:
        with torch.compiler.set_stance("force_eager"):
            logits: Tensor = net(views)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, kept


@dataclass(frozen=True)
class Target:
    """Where class-activation maps are taken.

    Attributes:
        layer: Name of the module in the network.
        module: The module, whose output or the tokens in it are the features.
        channels: Number of features at each position.
        prefix: Number of tokens before those of the image; 0 for convolutional networks.
    """

    layer: str
    module: nn.Module
    channels: int
    prefix: int = 0

    def as_map(self, output: Tensor) -> Tensor:
        """The module's output as ``[B, channels, h, w]``; tokens are those of a square image."""
        if output.ndim == 3:
            tokens = output[:, self.prefix :]
            side = math.isqrt(tokens.shape[1])
            return tokens.mT.reshape(len(tokens), -1, side, side)
        return output if output.shape[1] == self.channels else output.permute(0, 3, 1, 2)


def cam_target(net: nn.Module) -> Target:
    """The last layer that still knows where in the image a feature lies.

    For the ResNets the output of the last block, for VGG16 the last ReLU before the last pooling, for a
    network of timm its last stage. In a vision transformer only the class token leaves the last block, so it
    is what enters that block's attention.
    """
    net = getattr(net, "_orig_mod", net)
    if isinstance(net, VGG):
        layer, channels, prefix = "features.29", 512, 0
    elif not hasattr(net, "feature_info"):
        layer, channels, prefix = "layer4.2", 2048, 0
    else:
        last: dict[str, Any] = net.feature_info[-1]  # type: ignore[index, assignment]
        prefix = int(getattr(net, "num_prefix_tokens", 0))
        layer, channels = last["module"] + (".norm1" if prefix else ""), last["num_chs"]
    return Target(layer, net.get_submodule(layer), channels, prefix)
