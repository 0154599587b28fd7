"""Initial weights from files and from what is published."""

import math
import os
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import ResNet50_Weights

from livergrade.errors import UserError
from livergrade.models.build import build
from livergrade.models.weights import load_weights


class Net(nn.Sequential):
    """A small network with a head, so that files stay small."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()
        self.fc = nn.Linear(4, num_classes)


@pytest.fixture
def donor():
    torch.manual_seed(0)
    net = Net(3)
    net(torch.randn(8, 3, 8, 8))  # moves the running statistics
    return net.eval()


@pytest.fixture
def image():
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def lightning(net):
    """What a Lightning checkpoint of a task holds around its network."""
    state = {f"net.{k}": v for k, v in net.state_dict().items()} | {"loss.weight": torch.ones(3)}
    return {"epoch": 3, "state_dict": state, "hyper_parameters": {"model": "senet", "lr": 0.1}}


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in b) and a.keys() == b.keys()


@pytest.mark.parametrize(
    ("file", "wrap"),
    [
        ("a.pt", lambda net: net.state_dict()),
        ("a.pth", lambda net: {"model": net.state_dict(), "epoch": 1}),
        ("pytorch_model.bin", lambda net: net.state_dict()),
        ("a.pth.tar", lambda net: {"arch": "net", "state_dict": net.state_dict()}),
        ("a.pth", lambda net: {f"module.{k}": v for k, v in net.state_dict().items()}),
        ("a.ckpt", lightning),
        (
            "a.ckpt",
            lambda net: {"state_dict": {f"net._orig_mod.{k}": v for k, v in net.state_dict().items()}},
        ),
    ],
    ids=["bare", "model", "bin", "tar", "data-parallel", "lightning", "compiled"],
)
def test_round_trip(tmp_path, donor, image, file, wrap):
    torch.save(wrap(donor), tmp_path / file)
    net = Net(3)
    said = load_weights(net, str(tmp_path / file), name="net")
    assert same(net.state_dict(), donor.state_dict())
    assert torch.equal(net.eval()(image), donor(image))
    assert str(tmp_path / file) in said
    assert "all 9 tensors" in said
    assert "head included" in said


def test_safetensors_round_trip(tmp_path, donor):
    save_file(donor.state_dict(), tmp_path / "a.safetensors")
    net = Net(3)
    load_weights(net, str(tmp_path / "a.safetensors"), name="net")
    assert same(net.state_dict(), donor.state_dict())


@pytest.mark.parametrize("headless", [False, True])
def test_another_number_of_classes_or_no_head_starts_the_head_afresh(tmp_path, donor, headless):
    state = {k: v for k, v in donor.state_dict().items() if not (headless and k.startswith("fc"))}
    torch.save(state, tmp_path / "a.pt")
    net = Net(3 if headless else 5)
    said = load_weights(net, str(tmp_path / "a.pt"), name="net")
    assert "loaded 7 of 9 tensors" in said
    assert "the head (fc.weight, fc.bias) starts from zero" in said
    assert not net.fc.weight.any()
    assert not net.fc.bias.any()
    assert torch.equal(net.conv.weight, donor.conv.weight)


def test_an_efficientnet_of_timm_with_loaded_layers_starts_at_chance(tmp_path):
    """timm draws its head with a standard deviation of 0.29 for four classes, whatever enters it."""
    torch.manual_seed(0)
    donor, net = (build("timm", classes, backbone="test_efficientnet") for classes in (10, 4))
    torch.save(donor.state_dict(), tmp_path / "a.pt")
    assert net.classifier.weight.std() > 0.25
    load_weights(net, str(tmp_path / "a.pt"), name="timm")
    logits = net.eval()(torch.randn(2, 3, 32, 32))
    loss = nn.functional.cross_entropy(logits, torch.tensor([0, 3]))
    assert loss.item() == pytest.approx(math.log(4))
    loss.backward()
    assert net.classifier.weight.grad.any()  # and the first step changes the head


def test_files_without_batch_counters_load(tmp_path, donor):
    state = {k: v for k, v in donor.state_dict().items() if not k.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "a.pt")
    said = load_weights(net := Net(3), str(tmp_path / "a.pt"), name="net")
    assert torch.equal(net.bn.running_mean, donor.bn.running_mean)
    assert "loaded 8 of 9 tensors of net; head included; 1 batch counters" in said


def test_misfits_are_listed_and_leave_the_model_alone(tmp_path, donor):
    state = donor.state_dict()
    state["conv.weight"] = torch.zeros(4, 3, 5, 5)
    del state["conv.bias"]
    state |= {f"extra{i}": torch.zeros(1) for i in range(5)}
    torch.save(state, tmp_path / "a.pt")
    net = Net(3)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(UserError) as told:
        load_weights(net, str(tmp_path / "a.pt"), name="net")
    message = str(told.value)
    assert str(tmp_path / "a.pt") in message
    assert "1 missing (conv.bias)" in message
    assert "5 unexpected (extra0, extra1, extra2, ...)" in message
    assert "1 of another shape (conv.weight (4, 3, 5, 5) instead of (4, 3, 3, 3))" in message
    assert same(net.state_dict(), before)


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_pickles_that_run_code_are_refused(tmp_path, monkeypatch, donor):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": donor.state_dict(), "more": RunsCode()}, "a.ckpt")
    with pytest.raises(UserError, match=r"a\.ckpt is refused: it asks to load \S*mkdir"):
        load_weights(Net(3), "a.ckpt", name="net")
    assert not (tmp_path / "ran").exists()


def test_whole_modules_are_refused(tmp_path, donor):
    torch.save(donor, tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"a\.pt is refused.*state_dict"):
        load_weights(Net(3), str(tmp_path / "a.pt"), name="net")


@pytest.mark.parametrize("file", ["a.pt", "a.safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95])
def test_truncated_files_are_told(tmp_path, donor, file, kept):
    path = tmp_path / file
    (save_file if path.suffix == ".safetensors" else torch.save)(donor.state_dict(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UserError, match=rf"{file} cannot be read"):
        load_weights(Net(3), str(path), name="net")


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("a.pt", b"hello world, this is no model", "cannot be read"),
        ("a.h5", b"", "none of .safetensors, .pt, .pth, .bin, .ckpt, .tar"),
        ("absent.pt", None, "no file"),
    ],
)
def test_other_files_are_told(tmp_path, file, content, told):
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=told) as error:
        load_weights(Net(3), str(tmp_path / file), name="net")
    assert file in str(error.value)


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(1)], torch.zeros(1)])
def test_files_without_named_tensors_are_told(tmp_path, content):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"a\.pt holds no tensors by name"):
        load_weights(Net(3), str(tmp_path / "a.pt"), name="net")


def test_safetensors_package_missing(tmp_path, monkeypatch, donor):
    save_file(donor.state_dict(), tmp_path / "a.safetensors")
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    with pytest.raises(UserError, match="needs the package safetensors"):
        load_weights(Net(3), str(tmp_path / "a.safetensors"), name="net")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (
            "layer1.0.se_module.fc1.weight",
            "strides in the first 1×1.*Give timm's seresnet50, or.*legacy_seresnet50",
        ),
        ("layer1.0.conv2g.weight", "PytorchInsight.*a modified version.*Give timm's skresnext50_32x4d"),
        (
            "layer1.0.se.channel.fc1.weight",
            "the names of timm's resnet50 with CBAM, which is model=cbam, not",
        ),
    ],
)
def test_other_networks_are_refused_by_their_names(tmp_path, key, told):
    torch.save({key: torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(UserError, match=rf"a\.pt .*{told}"):
        load_weights(Net(3), str(tmp_path / "a.pt"), name="senet")


@pytest.mark.parametrize("backbone", ["seresnet18", "legacy_seresnet18"])
def test_networks_of_timm_keep_timms_names(tmp_path, backbone):
    donor, net = (build("timm", 3, backbone=backbone) for _ in range(2))
    save_file(donor.state_dict(), tmp_path / "a.safetensors")
    assert "head included" in load_weights(net, str(tmp_path / "a.safetensors"), name="timm")
    assert same(net.state_dict(), donor.state_dict())


def test_imagenet_of_cbam_is_the_authors():
    with pytest.raises(UserError, match=r"weights of cbam; the authors .*Jongchan/attention-module.*<file>"):
        load_weights(Net(3), "imagenet", name="cbam")


def test_imagenet_of_timm_without_timm_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r'senet takes timm.*pip install "livergrade\[timm\]"'):
        load_weights(Net(3), "imagenet", name="senet")


@pytest.fixture
def face(tmp_path, monkeypatch):
    """An empty cache of Hugging Face's downloads, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("senet", "model.safetensors of timm/seresnet50.a1_in1k"),
        ("sknet", "model.safetensors of timm/skresnext50_32x4d.ra_in1k"),
        ("timm", "model.safetensors of timm/resnet10t.c3_in1k"),
    ],
)
def test_imagenet_of_timm_without_network_names_the_file_to_bring(face, name, file):
    net = build("timm", 3, backbone="resnet10t") if name == "timm" else Net(3)
    with pytest.raises(
        UserError, match=rf"could not be downloaded.*download {file} at.*model\.weights=<file>"
    ):
        load_weights(net, "imagenet", name=name)


def test_networks_that_timm_has_no_weights_for_are_told(face):
    net = build("timm", 3, backbone="skresnet50")
    with pytest.raises(
        UserError, match=r"No pretrained weights exist for skresnet50.*find a file and give it"
    ):
        load_weights(net, "imagenet", name="timm")


@pytest.mark.parametrize(
    ("name", "published", "trunk"),
    [("senet", "seresnet50.a1_in1k", 382), ("timm", "resnet10t.c3_in1k", 84)],
)
def test_imagenet_trunk_of_timm_under_a_new_head(face, name, published, trunk):
    torch.manual_seed(0)
    theirs = build("timm", 1000, backbone=published)
    folder = face / f"models--timm--{published}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    save_file(theirs.state_dict(), folder / "snapshots" / ("0" * 40) / "model.safetensors")
    model = build(name, 3, **({"backbone": published} if name == "timm" else {}))
    told = load_weights(model, "imagenet", name=name)
    assert told.startswith(f"{published}: loaded {trunk} of {trunk + 2} tensors")
    assert "the head (fc.weight, fc.bias) starts from zero" in told
    if name == "senet":
        ours = model.layer4[2].attention.expand.weight
        assert torch.equal(ours, theirs.layer4[2].se.fc2.weight.flatten(1))
    else:
        assert torch.equal(model.layer4[0].conv1.weight, theirs.layer4[0].conv1.weight)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty download cache, and a proxy that nobody answers."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    for proxy in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    for exempt in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(exempt, raising=False)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_imagenet_without_network_names_the_file_to_bring(hub):
    with pytest.raises(UserError) as told:
        load_weights(Net(3), "imagenet", name="resnet50")
    assert ResNet50_Weights.IMAGENET1K_V2.url in str(told.value)
    assert "model.weights=<folder>/resnet50-11ad3fa6.pth" in str(told.value)


def test_imagenet_damaged_in_the_cache_is_told(hub):
    (hub / "resnet50-11ad3fa6.pth").write_bytes(b"half a downl")
    with pytest.raises(UserError, match=r"delete the damaged copy .*resnet50-11ad3fa6\.pth"):
        load_weights(Net(3), "imagenet", name="resnet50")


def test_imagenet_trunk_under_a_new_head(hub):
    torch.manual_seed(0)
    published = build("resnet50", 1000)
    torch.save(published.state_dict(), hub / "resnet50-11ad3fa6.pth")
    model = build("resnet50", 3)
    told = load_weights(model, "imagenet", name="resnet50")
    assert "resnet50-11ad3fa6.pth: loaded 318 of 320 tensors of resnet50; the head (fc.weight" in told
    assert torch.equal(model.layer4[2].conv3.weight, published.layer4[2].conv3.weight)
    assert model.fc.out_features == 3
