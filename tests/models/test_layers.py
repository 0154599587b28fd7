"""Heads, embeddings, and how high a layer stands."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from livergrade.models.build import build
from livergrade.models.catalog import NAMES
from livergrade.models.layers import count, embeddings, head, layer_depths


@pytest.mark.parametrize("name", [*NAMES, "timm"])
def test_the_head_makes_the_logits_of_the_embedding(name: str, network: Callable[[str], nn.Module]) -> None:
    net = network(name) if name in NAMES else build(name, 3, backbone="convnext_atto").eval()
    views = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    embedded = embeddings(net, views)
    with torch.no_grad():
        torch.testing.assert_close(head(net)[1](embedded), net(views))
    assert net.get_submodule(head(net)[0]) is head(net)[1]
    assert not head(net)[1]._forward_pre_hooks


def test_count() -> None:
    with torch.device("meta"):
        net = build("senet", 3)
    net.requires_grad_(False)
    head(net)[1].requires_grad_(True)
    assert count(net) == (26_045_171, 3 * 2048 + 3)


@pytest.mark.parametrize("name", NAMES)
def test_heights_rise_from_the_image_to_the_head(name: str) -> None:
    with torch.device("meta"):
        net = build(name, 3)
    height = layer_depths(net)
    assert list(height) == [parameter for parameter, _ in net.named_parameters()]
    assert list(height.values()) == sorted(height.values())  # registered in the order of the forward pass
    top = max(height.values())
    assert {p for p, h in height.items() if h == top} == {f"{head(net)[0]}.weight", f"{head(net)[0]}.bias"}
    if name == "senet":
        assert {p.split(".")[1] for p, h in height.items() if h == height["layer3.4.conv1.weight"]} == {"4"}


def test_heights_of_timms_networks_are_its_own() -> None:
    with torch.device("meta"):
        net = build("timm", 3, backbone="vit_tiny_patch16_224")
    height = layer_depths(net)
    assert height.keys() == dict(net.named_parameters()).keys()
    assert height["pos_embed"] == height["patch_embed.proj.weight"] == 0
    assert height["blocks.7.attn.qkv.weight"] == 8
    assert height["head.weight"] == max(height.values())
