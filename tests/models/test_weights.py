import os

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import ResNet50_Weights

from livergrade.errors import UserError
from livergrade.models import build
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
        ("a.pth", lambda net: {f"module.{k}": v for k, v in net.state_dict().items()}),
        ("a.ckpt", lightning),
        (
            "a.ckpt",
            lambda net: {"state_dict": {f"net._orig_mod.{k}": v for k, v in net.state_dict().items()}},
        ),
    ],
    ids=["bare", "model", "data-parallel", "lightning", "compiled"],
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
    head = {k: v.clone() for k, v in net.fc.state_dict().items()}
    said = load_weights(net, str(tmp_path / "a.pt"), name="net")
    assert "all 7 tensors" in said
    assert "head starts afresh" in said
    assert same(net.fc.state_dict(), head)
    assert torch.equal(net.conv.weight, donor.conv.weight)


def test_files_without_batch_counters_load(tmp_path, donor):
    state = {k: v for k, v in donor.state_dict().items() if not k.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "a.pt")
    load_weights(net := Net(3), str(tmp_path / "a.pt"), name="net")
    assert torch.equal(net.bn.running_mean, donor.bn.running_mean)


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
        ("a.h5", b"", "none of .safetensors, .pt, .pth and .ckpt"),
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


@pytest.mark.parametrize("name", ["cbam", "senet", "sknet"])
def test_imagenet_is_only_for_what_torchvision_publishes(name):
    with pytest.raises(
        UserError, match=rf"no ImageNet weights for {name}, only for vgg16 and resnet50.*<file>"
    ):
        load_weights(Net(3), "imagenet", name=name)


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
    assert "resnet50-11ad3fa6.pth: loaded all 318 tensors of resnet50's trunk; the head starts afresh" in told
    assert torch.equal(model.layer4[2].conv3.weight, published.layer4[2].conv3.weight)
    assert model.fc.out_features == 3
