"""Gates and class-activation layers, looked into as a network runs."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from livergrade.models.build import build
from livergrade.models.catalog import NAMES
from livergrade.models.hooks import attention, cam_target


@pytest.fixture(params=NAMES)
def named(request: pytest.FixtureRequest, network: Callable[[str], nn.Module]) -> tuple[str, nn.Module]:
    return request.param, network(request.param)


@pytest.fixture
def views() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def hooks(net: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules())


BLOCKS = {"vgg16": 0, "resnet50": 0, "cbam": 32, "senet": 16, "sknet": 16}


@torch.no_grad()
def test_every_block_once_in_order_and_no_hook_stays(
    named: tuple[str, nn.Module], views: torch.Tensor
) -> None:
    name, net = named
    logits, found = attention(net, views)
    assert torch.equal(logits, net(views))
    assert len(found) == BLOCKS[name]
    parts = [layer for layer, _ in net.named_modules()]
    assert [seen.layer for seen in found] == sorted({seen.layer for seen in found}, key=parts.index)
    assert hooks(net) == 0
    assert not net.training


@torch.no_grad()
def test_gates_are_what_the_blocks_weigh_by(named: tuple[str, nn.Module], views: torch.Tensor) -> None:
    """Fed with what a block was fed with, its gates times its input (or its branches) are its output."""
    net = named[1]
    _, found = attention(net, views)
    through = {}
    handles = [
        net.get_submodule(seen.layer).register_forward_hook(
            # Copied, since the residual addition that follows is made in place.
            lambda _m, args, out, layer=seen.layer: through.update({layer: (args[0].clone(), out.clone())})
        )
        for seen in found
    ]
    net(views)
    for handle in handles:
        handle.remove()
    for seen in found:
        entered, left = through[seen.layer]
        if seen.kind == "branch":
            block = net.get_submodule(seen.layer)
            fields = torch.stack([branch(entered) for branch in block.branches], 1)
            expected = (fields * seen.gates[..., None, None]).sum(1)
            torch.testing.assert_close(seen.gates.sum(1), torch.ones_like(seen.gates[:, 0]))
        else:
            expected = entered * (seen.gates if seen.kind == "spatial" else seen.gates[..., None, None])
        torch.testing.assert_close(left, expected)


def test_hooks_are_removed_when_the_network_fails() -> None:
    net = build("senet", 3).eval()
    with pytest.raises(RuntimeError):
        attention(net, torch.randn(1, 5, 64, 64))
    assert hooks(net) == 0


@torch.no_grad()
def test_a_compiled_network_is_looked_into(views: torch.Tensor) -> None:
    net = build("senet", 3).eval()
    compiled = torch.compile(net, backend="eager")
    logits, found = attention(compiled, views)
    torch.testing.assert_close(logits, net(views))
    assert [seen.layer for seen in found] == [seen.layer for seen in attention(net, views)[1]]
    assert cam_target(compiled).module is net.layer4[2]


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "options", "layer", "size"),
    [
        *((name, {}, "features.29" if name == "vgg16" else "layer4.2", 2) for name in NAMES),
        ("timm", {"backbone": "resnet10t"}, "layer4", 2),
        ("timm", {"backbone": "vit_tiny_patch16_224"}, "blocks.11.norm1", 4),
        ("timm", {"backbone": "swin_tiny_patch4_window7_224"}, "layers.3", 2),
    ],
)
def test_cam_target_is_a_map_over_the_image(
    name: str, options: dict[str, str], layer: str, size: int
) -> None:
    with torch.device("meta"):
        net = build(name, 3, **options).eval()
        target = cam_target(net)
        made = []
        handle = target.module.register_forward_hook(lambda _m, _i, out: made.append(target.as_map(out)))
        net(torch.empty(2, 3, 64, 64))
        handle.remove()
    size = 4 if name == "vgg16" else size
    assert target.at.layer == layer
    assert made[0].shape == (2, target.at.channels, size, size)


@torch.no_grad()
def test_tokens_lie_as_the_image_does() -> None:
    """Of a network that looks at one corner of the image, the map differs in that corner."""
    torch.manual_seed(0)
    net = build("timm", 3, backbone="vit_tiny_patch16_224").eval()
    target = cam_target(net)
    maps = []
    for block in net.blocks:  # no token sees another
        nn.init.zeros_(block.attn.proj.weight)
        nn.init.zeros_(block.attn.proj.bias)
    target.module.register_forward_hook(lambda _m, _i, out: maps.append(target.as_map(out)))
    for corner in (0.0, 1.0):
        views = torch.zeros(1, 3, 64, 64)
        views[:, :, :16, 48:] = corner
        net(views)
    changed = (maps[0] - maps[1]).abs().sum(1)[0] > 1e-4
    assert changed.nonzero().tolist() == [[0, 3]]
