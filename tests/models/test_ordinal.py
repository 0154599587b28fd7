"""The ordinal head against its paper."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livergrade.errors import UserError
from livergrade.models.build import build
from livergrade.models.catalog import NAMES
from livergrade.models.layers import embeddings, head, layer_depths
from livergrade.models.ordinal import Corn
from livergrade.models.weights import load_weights

pytestmark = pytest.mark.usefixtures("narrow")


def papers_loss(z: Tensor, grades: Tensor) -> tuple[Tensor, int]:
    """The loss of arXiv:2111.08851 as it is written there: a subset of the views for each task."""
    total, pairs = torch.zeros(()), 0
    for task in range(z.shape[1]):
        subset = grades >= task  # y > r_{k-1}; for the first task all
        f = torch.sigmoid(z[subset, task])
        reached = (grades[subset] > task).float()
        total -= (reached * f.log() + (1 - reached) * (1 - f).log()).sum()
        pairs += int(subset.sum())
    return total / pairs, pairs


@pytest.mark.parametrize("grades", [2, 3, 5])
def test_cross_entropy_is_the_papers_loss_but_for_its_divisor(grades: int) -> None:
    torch.manual_seed(grades)
    layer, embedded = Corn(8, grades), 2 * torch.randn(40, 8)
    truth = torch.randint(0, grades, (40,))
    z = F.linear(embedded, layer.conditional_weight, layer.conditional_bias)
    theirs, pairs = papers_loss(z, truth)
    ours = F.cross_entropy(layer(embedded), truth, reduction="sum") / pairs
    torch.testing.assert_close(ours, theirs)
    for mine, papers in zip(
        torch.autograd.grad(ours, list(layer.parameters())),
        torch.autograd.grad(theirs, list(layer.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(mine, papers)


def test_probabilities_are_the_chain_rules_and_sum_to_one() -> None:
    torch.manual_seed(0)
    layer, embedded = Corn(8, 4), torch.randn(6, 8)
    f = torch.sigmoid(F.linear(embedded, layer.conditional_weight, layer.conditional_bias)).detach().numpy()
    a, b, c = f.T
    chained = np.stack([1 - a, a * (1 - b), a * b * (1 - c), a * b * c], 1)
    told = layer(embedded).detach()
    np.testing.assert_allclose(told.exp(), chained, rtol=1e-5)
    np.testing.assert_allclose(told.softmax(1), chained, rtol=1e-5)


def test_certain_answers_stay_finite() -> None:
    layer = Corn(1, 3)
    nn.init.constant_(layer.conditional_weight, 1.0)
    embedded = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    F.cross_entropy(layer(embedded), torch.tensor([0, 2])).backward()
    assert layer(embedded).isfinite().all()
    assert embedded.grad is not None
    assert embedded.grad.isfinite().all()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "vgg16")) for name in (*NAMES, "timm")]
)
def test_it_is_the_head_of_every_network(name: str) -> None:
    torch.manual_seed(0)
    net = build(name, 4, "corn", **({"backbone": "convnext_atto"} if name == "timm" else {})).eval()
    place, layer = head(net)
    assert isinstance(layer, Corn)
    views = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        told = net(views)
        torch.testing.assert_close(layer(embeddings(net, views)), told)
    assert told.shape == (2, 4)
    torch.testing.assert_close(told.exp().sum(1), torch.ones(2))
    height = layer_depths(net)
    top = {name for name, each in height.items() if each == max(height.values())}
    assert {f"{place}.conditional_weight", f"{place}.conditional_bias"} <= top


def test_files_of_the_other_head_start_it_afresh(tmp_path) -> None:
    """As many outputs do not make a linear head of three grades one of four steps."""
    torch.manual_seed(0)
    linear, ordinal = build("resnet50", 3), build("resnet50", 4, "corn")
    for file, donor in (("linear.pt", linear), ("ordinal.pt", ordinal)):
        torch.save(donor.state_dict(), tmp_path / file)
    said = load_weights(ordinal, str(tmp_path / "linear.pt"), name="resnet50")
    assert "the head (fc.conditional_weight, fc.conditional_bias) starts from zero" in said
    assert not ordinal.fc.conditional_weight.any()
    assert torch.equal(ordinal.conv1.weight, linear.conv1.weight)
    assert "starts from zero" in load_weights(linear, str(tmp_path / "ordinal.pt"), name="resnet50")
    again, donor = build("resnet50", 4, "corn"), torch.load(tmp_path / "ordinal.pt")
    assert "head included" in load_weights(again, str(tmp_path / "ordinal.pt"), name="resnet50")
    assert torch.equal(again.fc.conditional_weight, donor["fc.conditional_weight"])


def test_a_file_of_another_network_is_still_refused(tmp_path) -> None:
    torch.save(build("timm", 3, backbone="convnext_atto").state_dict(), tmp_path / "other.pt")
    with pytest.raises(UserError, match="does not fit resnet50"):
        load_weights(build("resnet50", 3, "corn"), str(tmp_path / "other.pt"), name="resnet50")
