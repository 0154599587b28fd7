"""VGG16's map without gradients is the one with gradients."""

import pytest
import torch

from livergrade.deploy.vgg_map import has_vgg_map, vgg_map
from livergrade.explanations.maps import class_activation, feature_gradients
from livergrade.models.build import build
from livergrade.models.vgg import VGG


@pytest.mark.parametrize("side", [64, 80, 224])  # 4, 5 and 14 places a side
def test_the_map_is_that_of_explain(side: int, narrow: None) -> None:
    torch.manual_seed(0)
    net = build("vgg16", 3).eval()
    assert isinstance(net, VGG)
    views = torch.randn(2, 3, side, side)
    views[1] = 0.5  # in an even image several places of a window are the largest
    expected = class_activation(net, views)[1]["hires_cam"]
    found = vgg_map(net, feature_gradients(net, views)[1])
    assert expected.abs().max() > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=float(1e-5 * expected.abs().max()))


def test_of_other_heads_and_networks_it_has_none(narrow: None) -> None:
    assert has_vgg_map(build("vgg16", 3))
    assert not has_vgg_map(build("vgg16", 3, "corn"))
    assert not has_vgg_map(build("resnet50", 3))
