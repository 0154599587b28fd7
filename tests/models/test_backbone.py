"""Networks of timm and pathology models."""

import sys

import pytest
import torch

from livergrade.errors import UserError
from livergrade.models.architecture import IMAGENET
from livergrade.models.backbone import PATHOLOGY, refuse_size
from livergrade.models.build import build, normalisation
from livergrade.models.layers import head
from livergrade.models.weights import load_weights

PUBLISHED = {  # millions of parameters and features, as published (h-optimus as 1.1 billion)
    "uni": (303, 1024),
    "uni2-h": (681, 1536),
    "virchow2": (631, 1280),
    "phikon-v2": (303, 1024),
    "h-optimus-0": (1135, 1536),
    "h-optimus-1": (1135, 1536),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHOLOGY)
def test_foundation_models_are_the_published_size(name: str) -> None:
    with torch.device("meta"):
        net = build("timm", 3, backbone=name)
    layer = head(net)[1]
    trunk = sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in layer.parameters())
    assert (round(trunk / 1e6), layer.in_features) == PUBLISHED[name]
    refuse_size(name, 224)
    refuse_size(name, 448)


@pytest.mark.parametrize("name", ["convnext_atto.d2_in1k", "vit_tiny_patch16_224", "efficientnet_b0"])
def test_any_backbone(name: str) -> None:
    net = build("timm", 4, backbone=name).eval()
    with torch.no_grad():
        assert net(torch.randn(2, 3, 64, 64)).shape == (2, 4)


def test_a_name_that_is_almost_right_is_told_its_neighbours() -> None:
    with pytest.raises(UserError, match=r"model\.backbone=convnext_tinyy.* similar: convnext_tiny, .*uni2-h"):
        build("timm", 3, backbone="convnext_tinyy")
    with pytest.raises(UserError, match="similar: uni2-h"):
        normalisation("timm", backbone="uni2h")
    with pytest.raises(UserError, match=r"no weights tagged nope; its tags: .*fb_in1k"):
        build("timm", 3, backbone="convnext_tiny.nope")


def test_a_network_without_a_linear_head_is_refused() -> None:
    with pytest.raises(UserError, match="does not end in one linear layer"):
        build("timm", 3, backbone="deit_tiny_distilled_patch16_224")


def test_a_size_that_does_not_fit_is_told() -> None:
    with pytest.raises(
        UserError, match=r"data\.image_size=64: uni2-h .*patch size \(14\).* made for 224 pixels"
    ):
        refuse_size("uni2-h", 64)


def test_normalisation_is_what_the_weights_expect() -> None:
    assert normalisation("senet") == IMAGENET
    assert normalisation("timm", backbone="convnext_tiny") == IMAGENET
    assert normalisation("timm", backbone="vit_base_patch16_224.augreg_in21k") == ((0.5,) * 3, (0.5,) * 3)
    assert normalisation("timm", backbone="uni2-h") == IMAGENET
    assert normalisation("timm", backbone="h-optimus-0")[0] == (0.707223, 0.578729, 0.703617)


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r'pip install "livergrade\[timm\]"'):
        build("timm", 3, backbone="convnext_tiny")


def test_foundation_models_are_never_downloaded() -> None:
    with torch.device("meta"):
        net = build("timm", 3, backbone="uni2-h")
    with pytest.raises(UserError, match=r"MahmoodLab/UNI2-h: give the file as model\.weights=<file>"):
        load_weights(net, "imagenet", name="timm")
