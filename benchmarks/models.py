"""Images a second of each of the five networks against the same architecture in torchvision and timm.

    python benchmarks/models.py [--models senet,cbam] [--size 96] [--batch 8] [--threads 1] [--json FILE]

Ours and theirs take turns, step by step, on the same batch, in the same precision and memory format, in
several rounds with networks built anew, since where one lies in memory is worth some per cent; a figure is
the median over the steps, a ratio the median over the pairs with its quartiles. Above 1 ours is faster. On a
GPU: bf16 autocast, channels last, and with --compile both compiled. Needs timm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from livergrade.models.build import build
from livergrade.models.catalog import NAMES

THEIRS: dict[str, dict[str, Callable[[], nn.Module]]] = {
    "vgg16": {
        "torchvision": lambda: torchvision.models.vgg16(num_classes=3),
        "timm": lambda: timm.create_model("vgg16", num_classes=3),
    },
    "resnet50": {
        "torchvision": lambda: torchvision.models.resnet50(num_classes=3),
        "timm": lambda: timm.create_model("resnet50", num_classes=3),
    },
    "cbam": {
        "timm": lambda: timm.create_model("resnet50", num_classes=3, block_args={"attn_layer": "cbam"}),
    },
    "senet": {"timm": lambda: timm.create_model("seresnet50", num_classes=3)},
    "sknet": {"timm": lambda: timm.create_model("skresnext50_32x4d", num_classes=3)},
}
"""The same architectures elsewhere, by our name of it."""


class Stepper:
    """One network on one device, ready to be timed.

    Args:
        net: The network.
        views: ``float [B, 3, H, W]``.
        train: A step of training (AdamW) instead of one of inference.
        compiled: Compile it first.
    """

    def __init__(self, net: nn.Module, views: Tensor, *, train: bool, compiled: bool = False) -> None:
        self.gpu = views.device.type == "cuda"
        self.format = torch.channels_last if self.gpu else torch.contiguous_format
        self.net = net.to(views.device, memory_format=self.format).train(train)
        self.views = views.to(memory_format=self.format)
        self.grades = torch.arange(len(views), device=views.device) % 3
        self.train = train
        self.optimizer = torch.optim.AdamW(self.net.parameters(), 1e-4, fused=self.gpu or None)
        if compiled:
            self.net.compile()

    def step(self) -> None:
        """Train on the batch once, or grade it."""
        autocast = torch.autocast(self.views.device.type, torch.bfloat16, enabled=self.gpu)
        with autocast, torch.set_grad_enabled(self.train):
            logits = self.net(self.views)
        if self.train:
            loss = F.cross_entropy(logits.float(), self.grades)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()

    def seconds(self, repeats: int) -> float:
        """Time of so many steps."""
        if self.gpu:
            torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(repeats):
            self.step()
        if self.gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - start


def against(ours: Stepper, theirs: Stepper, *, steps: int, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of ``repeats`` steps of each, ``steps`` times in turns; who begins alternates."""
    for stepper in (ours, theirs):
        stepper.seconds(max(2, repeats))  # warm-up, compilation
    mine, other = [], []
    for number in range(steps):
        if number % 2:
            other.append(theirs.seconds(repeats))
            mine.append(ours.seconds(repeats))
        else:
            mine.append(ours.seconds(repeats))
            other.append(theirs.seconds(repeats))
    return mine, other


def compare(name: str, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """A row for each of training and inference and each reference of a network."""
    views = torch.randn(chosen.batch, 3, chosen.size, chosen.size, device=chosen.device)
    rows: list[dict[str, object]] = []
    for reference, make in THEIRS[name].items():
        for train in (True, False):
            mine, other = [], []
            for number in range(chosen.rounds):
                makers = [lambda: build(name, 3), make]
                both = [
                    Stepper(maker(), views, train=train, compiled=chosen.compile)
                    for maker in (makers[::-1] if number % 2 else makers)
                ]
                ours, theirs = both[::-1] if number % 2 else both
                timed = against(ours, theirs, steps=chosen.steps, repeats=chosen.repeats)
                mine += timed[0]
                other += timed[1]
            ratios = [b / a for a, b in zip(mine, other, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
            images = chosen.batch * chosen.repeats
            rows.append(
                {
                    "model": name,
                    "mode": "training" if train else "inference",
                    "reference": reference,
                    "ours": images / statistics.median(mine),
                    "theirs": images / statistics.median(other),
                    "ratio": middle,
                    "quartiles": [low, high],
                }
            )
            row = rows[-1]
            print(
                f"| {name} | {row['mode']} | {reference} | {row['ours']:.1f} | {row['theirs']:.1f} "
                f"| {middle:.3f} ({low:.3f}–{high:.3f}) |",
                flush=True,
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    gpu = torch.cuda.is_available()
    parser.add_argument("--models", default=",".join(NAMES))
    parser.add_argument("--size", type=int, default=224 if gpu else 96)
    parser.add_argument("--batch", type=int, default=128 if gpu else 8)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of networks")
    parser.add_argument("--steps", type=int, default=10 if gpu else 5, help="timed with each pair")
    parser.add_argument(
        "--repeats", type=int, default=5 if gpu else 1, help="steps of training or inference in each"
    )
    parser.add_argument("--threads", type=int, default=1, help="on a CPU")
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.backends.cudnn.benchmark = True
    gpu = chosen.device == "cuda"
    print(
        f"{torch.cuda.get_device_name() if gpu else 'CPU'}, torch {torch.__version__}, "
        f"timm {timm.__version__}, {chosen.size} px, batch {chosen.batch}, "
        f"{'bf16 autocast, channels last' if gpu else f'float32, {chosen.threads} threads'}"
        f"{', compiled' if chosen.compile else ''}\n"
    )
    print("| model | mode | reference | images/s, ours | theirs | ours / theirs (quartiles) |")
    print("|---|---|---|---|---|---|")
    rows = [row for name in chosen.models.split(",") for row in compare(name, chosen)]
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
