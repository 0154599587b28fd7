"""Several networks that answer as one."""

import torch
from torch import nn

from livergrade.models.build import build
from livergrade.models.hooks import has_maps
from livergrade.models.mean_network import MeanNetwork, joined_logits, members_of


def test_the_mean_of_the_probabilities_answers() -> None:
    nets = [build("timm", 3, backbone="test_resnet").eval() for _ in range(3)]
    together, views = MeanNetwork(nets).eval(), torch.rand(2, 3, 32, 32)
    expected = torch.stack([net(views).softmax(1) for net in nets]).mean(0)
    torch.testing.assert_close(together(views).softmax(1), expected)
    assert members_of(together) == nets
    assert members_of(nets[0]) == [nets[0]]
    assert has_maps(together) == has_maps(nets[0])


def test_a_grade_without_any_probability_has_a_finite_logit() -> None:
    logits = joined_logits([torch.tensor([[0.0, 500.0]]), torch.tensor([[0.0, 400.0]])])
    assert logits.isfinite().all()
    assert logits.softmax(1)[0, 1] == 1


def test_networks_without_maps_have_none_together() -> None:
    assert not has_maps(MeanNetwork([nn.Linear(2, 2), nn.Linear(2, 2)]))
