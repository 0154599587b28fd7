"""VGG16: torchvision's layers under another start."""

from collections.abc import Callable

import pytest
import torch
import torchvision

from livergrade.models.vgg import VGG, pooled_by_products


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


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (8, 5), (14, 16)])
def test_products_of_matrices_average_as_the_pooling_does(size: tuple[int, int]) -> None:
    features = torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    features.requires_grad_()
    results = [torch.nn.AdaptiveAvgPool2d(7)(features), pooled_by_products(features)]
    gradients = [torch.autograd.grad(each.square().sum(), features)[0] for each in results]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*gradients)
