"""Our networks are the references': the same size, the same work, the same logits from the same weights."""

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from timm.models import VisionTransformer
from torch import Tensor, nn

from benchmarks.architectures import DOCS, counted, models
from livergrade.errors import UserError
from livergrade.models.build import build
from livergrade.models.layers import embeddings
from livergrade.models.weights import load_weights
from tests.models.references import (
    CLASSES,
    RECORDED,
    REFERENCES,
    Built,
    Recorded,
    Reference,
    cbam_of_timm,
    counts_on_meta,
    filled,
    images,
    logits,
    of_timm,
    shapes,
)

TOLERANCE = 1e-4  # of logits between 1 and 10 in size, in float32
PIXELS = 64
EACH = pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)


def ours(name: str) -> nn.Module:
    """One of our models, nothing in it initialised."""
    with torch.device("meta"):
        net = build(name, CLASSES)
    return net.to_empty(device="cpu")


def named(name: str) -> Reference:
    return next(reference for reference in REFERENCES if reference.name == name)


@cache
def our_builder(name: str) -> Callable[[int], nn.Module]:
    """The same object for the same model, of which the counts are kept."""
    return partial(build, name)


@pytest.mark.slow
@EACH
@pytest.mark.parametrize("classes", [1000, 3])
def test_parameters_and_multiply_adds(reference: Reference, classes: int) -> None:
    assert counts_on_meta(our_builder(reference.model), classes) == reference.counts(classes)


TOLD_BY_ANOTHER = (
    *("timm `resnet50`", "timm `resnet50`, `CbamModule` with biases", "PytorchInsight `se_resnet50`"),
)
"""References of a network that has a faster one."""


@pytest.mark.parametrize(
    "reference",
    [  # one of each network; to fill the 138 million weights of VGG16 takes seconds
        pytest.param(
            reference,
            marks=[pytest.mark.slow] * (reference.model == "vgg16" or reference.name in TOLD_BY_ANOTHER),
        )
        for reference in REFERENCES
    ],
    ids=lambda reference: reference.name,
)
def test_logits(reference: Reference, tmp_path: Path) -> None:
    state, batch, expected = reference.run(PIXELS)
    file = tmp_path / "weights"
    if isinstance(reference, Recorded):  # as these authors' training saves it
        file = file.with_suffix(".pth.tar")
        wrapped = {f"module.{key}": tensor for key, tensor in state.items()}
        torch.save({"epoch": 100, "arch": "resnet", "state_dict": wrapped}, file)
    else:
        file = file.with_suffix(".safetensors")
        save_file(state, file)
    net = ours(reference.model)
    told = load_weights(net, str(file), name=reference.model)
    assert f"loaded all {len(state)} tensors of {reference.model}" in told
    assert (logits(net, batch) - expected).abs().max() < TOLERANCE


@pytest.mark.slow
def test_cbam_of_timm_has_no_biases_unless_asked(tmp_path: Path) -> None:
    reference = Built("timm's default", "cbam", lambda classes: cbam_of_timm(classes, biases=False))
    state, batch, expected = reference.run(PIXELS)
    torch.save(state, tmp_path / "pytorch_model.bin")
    net = ours("cbam")
    told = load_weights(net, str(tmp_path / "pytorch_model.bin"), name="cbam")
    assert "loaded 448 of 480 tensors" in told
    assert "32 biases that the file lacks are zero" in told
    assert (logits(net, batch) - expected).abs().max() < TOLERANCE


@pytest.mark.slow
def test_se_without_biases_is_se_with_zero_biases(tmp_path: Path) -> None:
    state, batch, _ = named("PytorchInsight `se_resnet50`").run(PIXELS)
    biases = {key for key in state if ".se.fc." in key and key.endswith("bias")}
    files = {"without": state.keys() - biases, "zero": state.keys()}
    found = []
    for file, keys in files.items():
        path = tmp_path / f"{file}.pth"
        torch.save({key: state[key] * (key not in biases) for key in keys}, path)
        net = ours("senet")
        told = load_weights(net, str(path), name="senet")
        assert ("loaded 352 of 384" in told and "32 biases that the file lacks are zero" in told) == (
            file == "without"
        )
        found.append(logits(net, batch))
    assert torch.equal(*found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "undo"),
    [
        (
            "the CBAM authors' `ResidualNet`",  # as if [maximum, mean] were [mean, maximum]
            lambda key, tensor: tensor.flip(1) if "SpatialGate.spatial.conv" in key else tensor,
        ),
        (
            "PytorchInsight `se_resnet50`",  # as if the biases did not count
            lambda key, tensor: tensor * 0 if ".se.fc." in key and "bias" in key else tensor,
        ),
    ],
)
def test_a_wrong_map_would_show(name: str, undo: Callable[[str, Tensor], Tensor], tmp_path: Path) -> None:
    reference = named(name)
    state, batch, expected = reference.run(PIXELS)
    save_file(
        {key: undo(key, tensor).contiguous() for key, tensor in state.items()}, tmp_path / "a.safetensors"
    )
    net = ours(reference.model)
    load_weights(net, str(tmp_path / "a.safetensors"), name=reference.model)
    assert (logits(net, batch) - expected).abs().max() > 100 * TOLERANCE


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("name", ["resnet50", "cbam", "senet", "sknet"])
def test_every_tensor_matters(name: str) -> None:
    """Shifting any one tensor by one element moves the logits, so equal logits mean that all are in place."""
    net = ours(name)
    net.load_state_dict(filled(shapes(net)))
    expected = logits(net, images(PIXELS))
    unseen = []
    for key, tensor in net.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            kept = tensor.clone()
            tensor.copy_(kept.flatten().roll(1).view_as(kept) if kept.numel() > 1 else 2 * kept)
            if (logits(net, images(PIXELS)) - expected).abs().max() < TOLERANCE:
                unseen.append(key)
            tensor.copy_(kept)
    assert unseen == []


@pytest.mark.slow
def test_legacy_seresnet50_would_fit_and_be_wrong(tmp_path: Path) -> None:
    state, batch, expected = Built("", "senet", of_timm("legacy_seresnet50")).run(PIXELS)
    save_file(state, tmp_path / "legacy.safetensors")
    net = ours("senet")
    with pytest.raises(UserError, match=r"legacy\.safetensors .*strides in the first 1×1.*pools without"):
        load_weights(net, str(tmp_path / "legacy.safetensors"), name="senet")
    renamed = {
        key.replace("layer0.", "").replace("se_module", "se").replace("last_linear", "fc"): tensor
        for key, tensor in state.items()
    }
    save_file(renamed, tmp_path / "renamed.safetensors")
    assert "all 384" in load_weights(net, str(tmp_path / "renamed.safetensors"), name="senet")
    assert (logits(net, batch) - expected).abs().max() > 1000 * TOLERANCE


@pytest.mark.slow
def test_skresnet50_of_timm_is_another_network(tmp_path: Path) -> None:
    with torch.device("meta"):
        sizes = shapes(of_timm("skresnet50")(CLASSES))
    save_file(filled(sizes), tmp_path / "a.safetensors")
    with pytest.raises(
        UserError, match=r"names as in timm's skresnext50_32x4d\) does not fit sknet.*352 of another"
    ):
        load_weights(ours("sknet"), str(tmp_path / "a.safetensors"), name="sknet")


@pytest.mark.slow
def test_the_docs_tables_are_what_we_count() -> None:
    docs = DOCS.read_text()
    assert models() in docs
    for reference in REFERENCES:
        assert f"| {' | '.join(counted(reference))} |" in docs


def test_a_dinov2_of_hugging_face_gives_timms_embeddings(tmp_path: Path) -> None:
    """As Phikon-v2 is published; the record is of a small one, made with the package transformers."""
    record = json.loads((RECORDED / "dinov2.json").read_text())
    state = filled({key: tuple(map(int, size.split())) for key, size in record["shapes"].items()})
    save_file(state, tmp_path / "model.safetensors")
    net = VisionTransformer(
        img_size=64, patch_size=16, embed_dim=32, depth=2, num_heads=4, init_values=1.0, num_classes=3
    ).eval()
    told = load_weights(net, str(tmp_path / "model.safetensors"), name="timm")
    assert (
        "(names as in Hugging Face's Dinov2Model); the head (head.weight, head.bias) starts from zero" in told
    )
    assert (embeddings(net, images(64)) - torch.tensor(record["embeddings"])).abs().max() < TOLERANCE
