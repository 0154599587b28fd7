"""What people do to a network besides training it in float32: compile, bfloat16, channels last, ONNX."""

import copy
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from livergrade.models.build import build
from livergrade.models.catalog import NAMES

SHORT = "cbam of a block a stage"  # every kind of layer that CBAM has, in a quarter of the blocks to trace
EACH = [SHORT, *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES)]
# A small network is compiled and exported by the fast tests of hooks and of the command.


@pytest.fixture(scope="module", params=EACH)
def net(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    model = build("cbam" if request.param == SHORT else request.param, 3)
    if request.param == SHORT:
        for stage in ("layer1", "layer2", "layer3", "layer4"):
            setattr(model, stage, getattr(model, stage)[:1])
    for name, parameter in model.named_parameters():
        if name.endswith("bn3.weight"):  # they start at zero, which hides the branches
            nn.init.ones_(parameter)
    return model.eval()


@pytest.fixture(autouse=True)
def _nothing_compiled() -> None:
    """Forget earlier networks: of one function, PyTorch compiles eight versions and then no more."""
    torch.compiler.reset()


@pytest.fixture
def views() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_bf16(net: nn.Module, views: torch.Tensor) -> None:
    expected = net(views)
    with torch.autocast("cpu", torch.bfloat16):
        got = net(views)
    assert got.dtype == torch.bfloat16
    assert (got.float() - expected).abs().max() < 0.05 * expected.abs().max()  # 8 bits of mantissa


@pytest.mark.slow
def test_compiles_as_one_graph_to_train(net: nn.Module, views: torch.Tensor) -> None:
    gradients = []
    for backend in (None, "aot_eager"):
        model = copy.deepcopy(net)
        compiled = torch.compile(model, fullgraph=True, backend=backend) if backend else model
        F.cross_entropy(compiled(views), torch.tensor([0, 2])).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert F.cosine_similarity(gradients[0], gradients[1], dim=0) > 1 - 1e-5


@pytest.mark.slow
@torch.no_grad()
def test_compiles_to_kernels(net: nn.Module, views: torch.Tensor) -> None:
    expected = net(views)
    views = views.to(memory_format=torch.channels_last)
    compiled = torch.compile(copy.deepcopy(net).to(memory_format=torch.channels_last), fullgraph=True)
    torch.testing.assert_close(compiled(views), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@torch.no_grad()
def test_onnx(net: nn.Module, views: torch.Tensor, tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.onnx.export(net, (views,), file, dynamic_shapes=({0: batch},), verbose=False)
    session = onnxruntime.InferenceSession(file)
    for images in (views, views[:1], torch.cat([views, views, views])):
        (got,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        torch.testing.assert_close(torch.from_numpy(got), net(images), rtol=1e-3, atol=1e-4)
