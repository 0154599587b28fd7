"""Each module against its paper's equations, written out here for one image at a time."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from livergrade.models.attention import CBAM, SelectiveKernel, SqueezeExcitation


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def randomised(module: nn.Module) -> nn.Module:
    """Move every parameter and statistic from its start, so that a forgotten one shows."""
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))
    return module.double().eval().requires_grad_(False)


def batch_norm(x: torch.Tensor, bn: nn.Module) -> torch.Tensor:
    """Normalise ``[C, ...]`` by running statistics."""
    shape = (-1,) + (1,) * (x.ndim - 1)
    mean, var, weight, bias = (t.view(shape) for t in (bn.running_mean, bn.running_var, bn.weight, bn.bias))
    return (x - mean) / (var + bn.eps).sqrt() * weight + bias


def test_squeeze_excitation_is_equations_2_to_4():
    se = randomised(SqueezeExcitation(32, reduction=4))
    x = torch.randn(3, 32, 5, 6, dtype=torch.double)
    w1, b1, w2, b2 = se.reduce.weight, se.reduce.bias, se.expand.weight, se.expand.bias
    for image, out in zip(x, se(x), strict=True):
        z = torch.stack([channel.sum() / (5 * 6) for channel in image])
        s = 1 / (1 + torch.exp(-(w2 @ torch.clamp(w1 @ z + b1, min=0) + b2)))
        torch.testing.assert_close(out, torch.stack([s[c] * image[c] for c in range(32)]))


def test_cbam_is_equations_1_to_3():
    cbam = randomised(CBAM(32, reduction=8, kernel_size=3))
    x = torch.randn(3, 32, 5, 6, dtype=torch.double)
    first, _, second = cbam.channel.mlp
    conv, bn = cbam.spatial.conv, cbam.spatial.bn

    def mlp(v):
        return second.weight @ torch.clamp(first.weight @ v + first.bias, min=0) + second.bias

    for image, out in zip(x, cbam(x), strict=True):
        flat = image.flatten(1)
        channel = torch.sigmoid(mlp(flat.sum(1) / 30) + mlp(flat.max(1).values))
        refined = channel.view(-1, 1, 1) * image
        pair = F.pad(torch.stack([refined.sum(0) / 32, refined.max(0).values]), (1, 1, 1, 1))
        response = torch.tensor(
            [[[(conv.weight[0] * pair[:, i : i + 3, j : j + 3]).sum() for j in range(6)] for i in range(5)]],
            dtype=torch.double,
        )
        torch.testing.assert_close(out, torch.sigmoid(batch_norm(response, bn)) * refined)


@pytest.mark.parametrize(("branches", "stride"), [(2, 1), (2, 2), (3, 1)])
def test_selective_kernel_is_equations_1_to_6(branches, stride):
    sk = randomised(SelectiveKernel(16, stride=stride, branches=branches, groups=4, min_width=8))
    x = torch.randn(3, 16, 7, 8, dtype=torch.double)
    linear, bn, _ = sk.fuse
    chooser = sk.select.weight.view(branches, 16, 8)  # A, B, ... of eq. 5
    for image, out in zip(x, sk(x), strict=True):
        fields = []
        for i, (conv, norm, _) in enumerate(sk.branches):
            # A dilated 3×3 is a wider kernel with zeros between its weights.
            dense = torch.zeros(16, 4, 2 * i + 3, 2 * i + 3, dtype=torch.double)
            dense[:, :, :: i + 1, :: i + 1] = conv.weight
            response = F.conv2d(image[None], dense, stride=stride, padding=i + 1, groups=4)[0]
            fields.append(torch.clamp(batch_norm(response, norm), min=0))
        s = sum(fields).mean((1, 2))
        z = torch.clamp(batch_norm(linear.weight @ s, bn), min=0)
        scores = torch.exp(chooser @ z)  # [M, C]
        gates = scores / scores.sum(0)
        expected = sum(g.view(-1, 1, 1) * u for g, u in zip(gates, fields, strict=True))
        torch.testing.assert_close(out, expected)


def test_defaults_are_the_papers():
    assert SqueezeExcitation(256).reduce.out_features == 16
    assert CBAM(256).channel.mlp[0].out_features == 16
    assert CBAM(256).spatial.conv.kernel_size == (7, 7)
    assert [SelectiveKernel(c).fuse[0].out_features for c in (128, 1024)] == [32, 64]  # d = max(C/16, 32)
    assert [b[0].dilation for b in SelectiveKernel(64).branches] == [(1, 1), (2, 2)]
    assert SelectiveKernel(64).branches[0][0].groups == 32


@pytest.mark.parametrize(
    ("module", "shapes"),
    [
        (SqueezeExcitation(32), {"gate": (2, 32)}),
        (CBAM(32), {"channel.gate": (2, 32), "spatial.gate": (2, 1, 8, 8)}),
        (SelectiveKernel(32), {"gate": (2, 2, 32)}),
    ],
    ids=["se", "cbam", "sk"],
)
def test_hooks_on_gate_see_every_gate(module, shapes):
    seen = {}
    for name, part in module.named_modules():
        if name.split(".")[-1] == "gate":
            part.register_forward_hook(lambda _m, _i, out, name=name: seen.setdefault(name, out.detach()))
    module.eval()(torch.randn(2, 32, 8, 8))
    assert {name: tuple(gate.shape) for name, gate in seen.items()} == shapes
    assert all(gate.min() > 0 and gate.max() < 1 for gate in seen.values())
