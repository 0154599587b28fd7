"""State dicts of other implementations, told by their names and brought to ours."""

from pathlib import Path

import pytest
import torch

from livergrade.errors import UserError
from livergrade.models.build import build
from livergrade.models.keymaps import LITE0, KeyMap, recognise, translate, translate_dinov2, translate_lite0
from livergrade.models.weights import load_weights


def test_some_biases_missing_is_a_misfit(tmp_path):
    net = build("senet", 3)
    state = {
        key.replace("attention.reduce", "se.fc.0").replace("attention.expand", "se.fc.2"): tensor
        for key, tensor in net.state_dict().items()
    }
    del state["layer2.1.se.fc.0.bias"]
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"1 missing \(layer2\.1\.attention\.reduce\.bias\)"):
        load_weights(net, str(tmp_path / "a.pt"), name="senet")


def test_a_reference_is_told_by_a_name_that_only_its_tensors_have() -> None:
    def found(*names: str) -> dict[str, torch.Tensor]:
        return dict.fromkeys(names, torch.zeros(1))

    known = recognise(found("conv1.weight", "layer1.0.se.fc1.weight"), "a.pt", "senet")
    assert known is not None
    assert known.reference == "timm's seresnet50"
    assert recognise(found("conv1.weight", "layer1.0.conv2.weight"), "a.pt", "senet") is None
    with pytest.raises(UserError, match=r"a\.pt has the names of timm's seresnet50, which is model=senet"):
        recognise(found("layer1.0.se.fc1.weight"), "a.pt", "resnet50")
    with pytest.raises(UserError, match=r"a\.pt holds an SE network in the Caffe original's layout"):
        recognise(found("layer1.0.se_module.fc1.weight"), "a.pt", "senet")


def test_names_shapes_swaps_and_lacking_biases_are_brought_to_ours() -> None:
    known = KeyMap("theirs", "ours", r"x", {r"^fc\.": "reduce."}, biases=r"bias$", swapped=r"^spatial")
    theirs = {"fc.weight": torch.ones(2, 3, 1, 1), "spatial.weight": torch.tensor([[[[1.0]], [[2.0]]]])}
    ours = {
        "reduce.weight": torch.zeros(2, 3),
        "reduce.bias": torch.full((2,), 7.0),
        "spatial.weight": torch.zeros(1, 2, 1, 1),
    }
    translated, filled = translate(theirs, known, ours)
    assert {name: tensor.shape for name, tensor in translated.items()} == {
        name: tensor.shape for name, tensor in ours.items()
    }
    assert filled == 1
    assert not translated["reduce.bias"].any()
    assert translated["spatial.weight"].flatten().tolist() == [2, 1]
    given, filled = translate(theirs | {"fc.bias": torch.ones(2)}, known, ours)
    assert filled == 0
    assert given["reduce.bias"].tolist() == [1, 1]


def test_query_key_and_value_of_a_dinov2_are_one_layer() -> None:
    parts = {
        f"encoder.layer.3.attention.attention.{name}.weight": torch.full((2, 2), float(place))
        for place, name in enumerate(("query", "key", "value"))
    }
    found = translate_dinov2(
        parts
        | {
            "embeddings.mask_token": torch.zeros(1),
            "embeddings.patch_embeddings.projection.bias": torch.ones(2),
            "encoder.layer.3.layer_scale1.lambda1": torch.ones(2),
        }
    )
    assert set(found) == {"blocks.3.attn.qkv.weight", "patch_embed.proj.bias", "blocks.3.ls1.gamma"}
    assert found["blocks.3.attn.qkv.weight"][:, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_blocks_of_lite0_are_numbered_by_stage() -> None:
    pairs = {
        "_conv_stem.weight": "conv_stem.weight",
        "_bn0.running_mean": "bn1.running_mean",
        "_blocks.0._project_conv.weight": "blocks.0.0.conv_pw.weight",
        "_blocks.0._bn2.bias": "blocks.0.0.bn2.bias",
        "_blocks.4._expand_conv.weight": "blocks.2.1.conv_pw.weight",
        "_blocks.4._bn0.bias": "blocks.2.1.bn1.bias",
        "_blocks.15._project_conv.weight": "blocks.6.0.conv_pwl.weight",
        "_blocks.16._bn2.bias": "_blocks.16._bn2.bias",  # of a larger one: it fits nowhere, and is told
        "_conv_head.weight": "conv_head.weight",
        "_bn1.weight": "bn2.weight",
        "_fc.bias": "classifier.bias",
    }
    theirs = {name: torch.tensor(float(place)) for place, name in enumerate(pairs)}
    found = translate_lite0(theirs, "a.pth", "tf_efficientnet_lite0")
    assert {name: float(tensor) for name, tensor in found.items()} == {
        name: float(place) for place, name in enumerate(pairs.values())
    }


@pytest.mark.parametrize(("name", "options"), [("timm", {"backbone": "test_resnet"}), ("vgg16", {})])
def test_lite0_is_for_one_network_alone(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    torch.save(dict.fromkeys(LITE0, torch.zeros(1)), tmp_path / "a.pth")
    with torch.device("meta"):
        net = build(name, 3, **options)
    network = options.get("backbone", name)
    with pytest.raises(
        UserError, match=rf"a\.pth is of EfficientNet-Lite0 .*, not {network}; set model=timm"
    ):
        load_weights(net, str(tmp_path / "a.pth"), name=name)
