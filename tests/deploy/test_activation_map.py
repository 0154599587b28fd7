"""Maps that an exported file computes are those of `livergrade.explain`, or it has none."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from livergrade.deploy.activation_map import channel_weights
from livergrade.deploy.exportable import ExportableModel
from livergrade.explanations.maps import class_activation
from livergrade.models.architecture import IMAGENET, CamLayer
from livergrade.models.mean_network import MeanNetwork


class Small(nn.Module):
    """A layer with positions and a head: linear after an average, or linear over positions."""

    def __init__(self, *, averaged: bool) -> None:
        super().__init__()
        self.cam_layer = CamLayer("layer")
        self.layer = nn.Sequential(nn.Conv2d(3, 5, 3, 8), nn.ReLU())
        self.averaged, self.head = averaged, nn.Linear(5 if averaged else 80, 3)

    def forward(self, views: Tensor) -> Tensor:
        features = self.layer(views)
        logits: Tensor = self.head(features.mean((2, 3)) if self.averaged else features.flatten(1))
        return logits


def grader(net: nn.Module) -> Any:
    return SimpleNamespace(net=net.eval(), image_size=32)


def test_the_map_of_an_export_is_that_of_explain() -> None:
    torch.manual_seed(0)
    net = MeanNetwork([Small(averaged=True), Small(averaged=True)]).eval()
    weights = channel_weights(grader(net))
    exported = ExportableModel(
        net,
        size=32,
        image_size=32,
        border="reflect",
        degrees=[0, 90],
        normalisation=IMAGENET,
        temperature=2.0,
        map_weights=weights,
    )
    images = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    with torch.inference_mode():
        _, per_view, maps = exported(images)
    views = (images.permute(0, 3, 1, 2).float() - exported.mean) / exported.deviation
    expected = class_activation(net, views)[1]["hires_cam"]
    assert maps.shape == (2, 3, 4, 4)
    assert per_view.shape == (2, 2, 3)
    torch.testing.assert_close(maps, expected, atol=1e-6, rtol=1e-5)
    assert not any(module._forward_hooks for module in net.modules())


def test_a_head_that_depends_on_positions_has_no_such_map() -> None:
    assert channel_weights(grader(Small(averaged=False))) == []
    assert channel_weights(grader(nn.Linear(2, 2))) == []
