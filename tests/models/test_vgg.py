"""VGG16: torchvision's layers under another start."""

from collections.abc import Callable

import pytest
import torch
import torchvision

from livergrade.models.vgg import VGG


def test_tensors_are_named_and_shaped_as_torchvisions() -> None:
    with torch.device("meta"):
        ours, theirs = VGG(1000).state_dict(), torchvision.models.vgg16().state_dict()
    assert {name: tensor.shape for name, tensor in ours.items()} == {
        name: tensor.shape for name, tensor in theirs.items()
    }


def test_the_start_keeps_the_scale_of_the_activations(network: Callable[[str], torch.nn.Module]) -> None:
    net = network("vgg16")
    assert isinstance(net, VGG)
    assert not net.get_parameter("features.0.bias").any()
    assert float(net.get_parameter("classifier.6.weight").detach().std()) == pytest.approx(0.01, rel=0.05)
    x, scales = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)), []
    with torch.no_grad():
        for layer in net.features:
            x = layer(x)
            if isinstance(layer, torch.nn.Conv2d):
                scales.append(float(x.square().mean()))
    assert len(scales) == 13
    assert min(scales) > 1
    assert max(scales) < 30
