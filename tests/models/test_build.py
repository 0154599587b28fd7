"""Every network of the catalogue, built with its options."""

import copy
import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from livergrade.config.schema import ModelConfig
from livergrade.errors import UserError
from livergrade.models.architecture import CamLayer
from livergrade.models.build import build
from livergrade.models.catalog import ARCHITECTURES, NAMES

PARAMETERS = {  # at 1000 and at 3 classes, as in the papers' or their authors' implementations
    "vgg16": (138_357_544, 134_272_835),
    "resnet50": (25_557_032, 23_514_179),
    "cbam": (28_089_624, 26_046_771),
    "senet": (28_088_024, 26_045_171),
    "sknet": (27_479_784, 25_436_931),
}


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest, network: Callable[[str], nn.Module]) -> nn.Module:
    return copy.deepcopy(network(request.param))


@pytest.mark.parametrize("name", list(NAMES))
def test_parameter_counts(name):
    with torch.device("meta"):
        counts = tuple(sum(p.numel() for p in build(name, n).parameters()) for n in (1000, 3))
    assert counts == PARAMETERS[name]


@pytest.mark.parametrize("name", list(NAMES))
def test_the_configs_defaults_are_the_papers(name):
    """What the blocks take by default and what config/schema.py declares are one and the same network."""
    with torch.device("meta"):
        shapes = [
            {key: t.shape for key, t in build(name, 3, **options).state_dict().items()}
            for options in ({}, ModelConfig(name=name).architecture())
        ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("name", "options", "layer", "shape"),
    [
        ("senet", {"reduction": 8}, "layer1.0.attention.reduce.weight", (32, 256)),
        ("cbam", {"reduction": 32, "kernel_size": 3}, "layer1.0.attention.spatial.conv.weight", (1, 2, 3, 3)),
        ("sknet", {"branches": 3}, "layer1.0.conv2.branches.2.0.weight", (128, 4, 3, 3)),
        ("sknet", {"groups": 64}, "layer1.0.conv2.branches.0.0.weight", (128, 2, 3, 3)),
        ("sknet", {"min_width": 48}, "layer1.0.conv2.fuse.0.weight", (48, 128)),
    ],
)
def test_options_reach_the_blocks(name, options, layer, shape):
    with torch.device("meta"):
        net = build(name, 3, **options)
        assert net.state_dict()[layer].shape == shape
        assert net(torch.empty(2, 3, 64, 64)).shape == (2, 3)


def test_unknown_name_lists_the_names():
    with pytest.raises(UserError, match=r"'vgg19'.*vgg16, resnet50, cbam, senet, sknet"):
        build("vgg19", 3)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in ("vgg16", "sknet"))) for name in NAMES],
)
@pytest.mark.parametrize(
    "size", [(96, 224), *(pytest.param(size, marks=pytest.mark.slow) for size in ((32, 32), (512, 512)))]
)
def test_shapes_at_any_size(name, size):
    with torch.device("meta"):
        assert build(name, 4)(torch.empty(2, 3, *size)).shape == (2, 4)


def test_logits_are_raw_and_do_not_depend_on_memory_format(model):
    torch.manual_seed(1)
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        plain = model.eval()(image)
        last = model.to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last))
    model.to(memory_format=torch.contiguous_format)
    assert plain.shape == (2, 3)
    assert torch.isfinite(plain).all()
    assert not torch.allclose(plain.exp().sum(1), torch.ones(2))
    torch.testing.assert_close(last, plain, rtol=1e-3, atol=1e-4)


def test_gradients_reach_every_parameter(model):
    torch.manual_seed(1)
    model.train()
    for name, parameter in model.named_parameters():
        if name.endswith("bn3.weight"):  # they start at zero, which closes the residual branches
            torch.nn.init.ones_(parameter)
    F.cross_entropy(model(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 2, 0])).backward()
    unreached = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    model.zero_grad(set_to_none=True)
    assert unreached == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rate"), [(name, 1e-4 if name == "vgg16" else 3e-4) for name in NAMES])
def test_learns_from_scratch(name, rate):
    torch.manual_seed(0)
    grade = torch.arange(32) % 3
    colour = torch.tensor([[1.2, -1.2, -0.4], [-0.4, 0.4, -1.2], [-0.8, -0.8, 1.2]])[grade, :, None, None]
    image = colour + torch.randn(32, 3, 64, 64) + 0.4 * torch.randn(32, 3, 1, 1)
    model = build(name, 3).train()
    optimiser = torch.optim.AdamW(model.parameters(), rate)
    for _ in range(24):
        chosen = torch.randperm(32)[:16]
        loss = F.cross_entropy(model(image[chosen]), grade[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        assert F.cross_entropy(model.eval()(image), grade) < 0.3  # chance is ln 3 = 1.1


def test_maps_at_a_layer_that_is_not_there_are_refused_before_training(monkeypatch):
    wrong = dataclasses.replace(ARCHITECTURES["resnet50"], cam=CamLayer("layer5"))
    monkeypatch.setitem(ARCHITECTURES, "resnet50", wrong)
    with (
        torch.device("meta"),
        pytest.raises(UserError, match="maps are taken at 'layer5', which is not a module"),
    ):
        build("resnet50", 3)
