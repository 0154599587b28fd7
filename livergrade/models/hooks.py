"""Inspect a network: its attention gates, and the target layer of class-activation maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from livergrade.models.architecture import CamLayer
from livergrade.models.attention import ChannelAttention, SelectiveKernel, SpatialAttention, SqueezeExcitation

KINDS: dict[type[nn.Module], str] = {
    SqueezeExcitation: "channel",
    ChannelAttention: "channel",
    SpatialAttention: "spatial",
    SelectiveKernel: "branch",
}
"""What the gates of each attention block apply to."""


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
    """Run a network and record the gates of every SE, CBAM and SK block.

    The network's mode and weights are not changed, all hooks are removed, and a compiled network is run
    without compilation.

    Args:
        net: Network from :func:`livergrade.models.build`.
        views: ``float [B, 3, H, W]``.

    Returns:
        The logits ``[B, classes]``, and the gates in layer order: an empty list for VGG16, ResNet50 and timm
        networks.
    """
    recorded: list[Attention] = []
    hooks = []
    for name, block in net.named_modules():
        if kind := KINDS.get(type(block)):
            layer = name.removeprefix("_orig_mod.")

            def record(_: nn.Module, __: Any, gates: Tensor, layer: str = layer, kind: str = kind) -> None:  # noqa: ANN401
                recorded.append(Attention(layer, kind, gates.detach()))

            hooks.append(block.get_submodule("gate").register_forward_hook(record))
    try:
        with torch.compiler.set_stance("force_eager"):
            logits: Tensor = net(views)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, recorded


@dataclass(frozen=True)
class Target:
    """Target layer of class-activation maps in a network.

    Attributes:
        at: the catalogue entry of the layer.
        module: The module; its output, or the tokens in it, are the features.
    """

    at: CamLayer
    module: nn.Module

    def as_map(self, output: Tensor) -> Tensor:
        """The module's output as ``[B, channels, h, w]``; tokens are assumed to come from a square image."""
        if output.ndim == 3:
            tokens = output[:, self.at.prefix :]
            side = math.isqrt(tokens.shape[1])
            return tokens.mT.reshape(len(tokens), -1, side, side)
        channels_last = self.at.channels is not None and output.shape[1] != self.at.channels
        return output.permute(0, 3, 1, 2) if channels_last else output


def has_maps(net: nn.Module) -> bool:
    """Whether class-activation maps can be made of a network: the catalogue names a layer for them."""
    return getattr(getattr(net, "_orig_mod", net), "cam_layer", None) is not None


def cam_target(net: nn.Module) -> Target:
    """Target layer of class-activation maps, as named in the catalogue.

    Raises:
        ValueError: the network has no such layer, see :func:`has_maps`.
    """
    net = getattr(net, "_orig_mod", net)
    at: CamLayer | None = getattr(net, "cam_layer", None)
    if at is None:
        raise ValueError("this network has no layer for class-activation maps")
    return Target(at, net.get_submodule(at.layer))
