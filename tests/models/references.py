"""Reference implementations of the five models, with weights that anybody can make again.

Those of torchvision and timm are built here. The authors' own code is not ours to copy: it was run once, and
``recorded/`` holds the names and shapes of its tensors, what it counts and the logits it gave. Again, from a
checkout of github.com/Jongchan/attention-module or github.com/implus/PytorchInsight:

    python -m tests.models.references <checkout>
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from math import prod
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np
import timm
import torch
from timm.layers.cbam import CbamModule
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet50, vgg16

Shapes = Mapping[str, tuple[int, ...]]

CLASSES = 3  # of the networks whose logits are compared


class Reference(Protocol):
    """An implementation of one of our models that is not ours."""

    name: str
    model: str

    def counts(self, classes: int) -> tuple[int, int]:
        """Parameters, and multiply-adds of an image of 224 pixels a side."""

    def run(self, pixels: int) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Its state dict, a batch of images, and the logits it gives for them; both have CLASSES outputs."""


@dataclass(frozen=True)
class Built:
    """An implementation of a package, built here."""

    name: str
    model: str
    build: Callable[[int], nn.Module]

    def counts(self, classes: int) -> tuple[int, int]:
        return counts_on_meta(self.build, classes)

    def run(self, pixels: int) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        with torch.device("meta"):
            net = self.build(CLASSES)
        state = filled(shapes(net))
        net.load_state_dict(state, assign=True)
        return state, images(pixels), logits(net, images(pixels))


@dataclass(frozen=True)
class Recorded:
    """An implementation whose outcome was recorded."""

    name: str
    model: str
    file: Path

    def counts(self, classes: int) -> tuple[int, int]:
        return tuple(json.loads(self.file.read_text())["counts"][str(classes)])

    def run(self, pixels: int) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """The record's, at its 224 pixels whatever ``pixels`` is."""
        record = json.loads(self.file.read_text())
        sizes = {key: tuple(map(int, size.split())) for key, size in record["shapes"].items()}
        return filled(sizes), images(record["pixels"]), torch.tensor(record["logits"])


def cbam_of_timm(classes: int, *, biases: bool = True) -> nn.Module:
    """Timm's ResNet-50 with its CBAM, whose shared layers have biases only if asked."""
    return timm.create_model(
        "resnet50",
        num_classes=classes,
        block_args={"attn_layer": partial(CbamModule, mlp_bias=True) if biases else "cbam"},
    )


def of_timm(architecture: str) -> Callable[[int], nn.Module]:
    return lambda classes: timm.create_model(architecture, num_classes=classes)


RECORDED = Path(__file__).parent / "recorded"
REFERENCES: tuple[Reference, ...] = (
    Built("torchvision `vgg16`", "vgg16", lambda classes: vgg16(num_classes=classes, init_weights=False)),
    Built("timm `vgg16`", "vgg16", of_timm("vgg16")),
    Built("torchvision `resnet50`", "resnet50", lambda classes: resnet50(num_classes=classes)),
    Built("timm `resnet50`", "resnet50", of_timm("resnet50")),
    Recorded("the CBAM authors' `ResidualNet`", "cbam", RECORDED / "attention-module.json"),
    Built("timm `resnet50`, `CbamModule` with biases", "cbam", cbam_of_timm),
    Built("timm `seresnet50`", "senet", of_timm("seresnet50")),
    Recorded("PytorchInsight `se_resnet50`", "senet", RECORDED / "PytorchInsight.json"),
    Built("timm `skresnext50_32x4d`", "sknet", of_timm("skresnext50_32x4d")),
)


def shapes(net: nn.Module) -> Shapes:
    return {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}


def filled(sizes: Shapes) -> dict[str, Tensor]:
    """A state dict in which every tensor matters, of each its name's own numbers.

    Weights have He's variance over their inputs; the rest is far enough from 0 and 1 that leaving it out, or
    taking one for another, shows in the logits.
    """
    state = {}
    for key, size in sizes.items():
        values = np.random.default_rng(crc32(key.encode())).random(size, dtype=np.float32)
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(1)
            continue
        if len(size) > 1:
            values = (2 * values - 1) * np.float32((6 / prod(size[1:])) ** 0.5)
        elif key.endswith(("running_var", "weight")):  # of batch norm
            values = values / 2 + np.float32(0.5 if key.endswith("weight") else 0.75)
        else:
            values = values / 2 - np.float32(0.25)
        state[key] = torch.from_numpy(values)
    return state


def images(pixels: int) -> Tensor:
    """Two images of coloured squares, 8 in a row."""
    squares = np.random.default_rng(0).standard_normal((2, 3, 8, 8), np.float32)
    return torch.from_numpy(squares).repeat_interleave(pixels // 8, 2).repeat_interleave(pixels // 8, 3)


@torch.no_grad()
def logits(net: nn.Module, batch: Tensor) -> Tensor:
    return net.eval()(batch)


def counts(net: nn.Module) -> tuple[int, int]:
    """Parameters, and multiply-adds of an image of 224 pixels a side; the network lies on the meta device."""
    with FlopCounterMode(display=False) as counter:
        net.eval()(torch.empty(1, 3, 224, 224, device="meta"))
    return sum(parameter.numel() for parameter in net.parameters()), counter.get_total_flops() // 2


@cache
def counts_on_meta(build: Callable[[int], nn.Module], classes: int) -> tuple[int, int]:
    """The same of a network that is not built yet; kept, since to count one takes a second."""
    with torch.device("meta"):
        return counts(build(classes))


def record(checkout: Path) -> Path:
    """Run the authors' code and write what it gives; returns the file."""
    if (checkout / "MODELS").is_dir():
        sys.path.insert(0, str(checkout))
        authors = importlib.import_module("MODELS.model_resnet")

        def build(classes: int) -> nn.Module:
            return authors.ResidualNet("ImageNet", 50, classes, "CBAM")
    else:
        sys.path.insert(0, str(checkout / "classification"))
        authors = importlib.import_module("models.imagenet.resnet_se")

        def build(classes: int) -> nn.Module:
            return authors.se_resnet50(num_classes=classes)

    revision = subprocess.check_output(["git", "-C", str(checkout), "rev-parse", "HEAD"], text=True).strip()
    net = build(CLASSES)
    sizes = shapes(net)
    net.load_state_dict(filled(sizes))
    found = {
        "revision": revision,
        "counts": {classes: counts(build(classes).to("meta")) for classes in (1000, CLASSES)},
        "pixels": 224,
        "logits": logits(net, images(224)).tolist(),
        "shapes": {key: " ".join(map(str, size)) for key, size in sizes.items()},
    }
    file = RECORDED / f"{checkout.resolve().name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")
    return file


if __name__ == "__main__":
    record(Path(sys.argv[1]))
