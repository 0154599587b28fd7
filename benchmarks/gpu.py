"""What a GPU gives: views, and training of the five networks against the bare loop, timm and the card.

    python benchmarks/gpu.py [--models senet,cbam] [--size 224] [--batch 128] [--steps 80] [--compile MODE]
        [--graph] [--json FILE]

One command for a machine with a GPU; where there is none it runs on the CPU, which shows that it works and no
more. For each network, images a second in bf16 and channels last of: livergrade's whole epoch and its steps
alone (benchmarks/training.py), the bare loop on views that lie on the device, the same step of timm's network
(benchmarks/models.py), and the card's limit: the longer of the time its arithmetic and its memory would take,
from the work and the bytes of every operation, counted, and the card's matrix product and copy, measured. An
operation's inputs and outputs are counted as read and written once, as without fusion.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from models import THEIRS, Stepper, against
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from training import Setting, bare_loop, livergrade_epoch, ready_views

from livergrade.data.augment import ViewParams, make_views
from livergrade.data.cache import cached_size
from livergrade.models.architecture import IMAGENET
from livergrade.models.build import build
from livergrade.models.catalog import NAMES


class Traffic(TorchDispatchMode):
    """Bytes that the operations read and write, views of a tensor for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Count one operation."""
        made = func(*args, **(kwargs or {}))
        read, written = ([t for t in tree_leaves(x) if isinstance(t, Tensor)] for x in ((args, kwargs), made))
        storages = {t.untyped_storage()._cdata for t in read}
        in_place = func._schema.is_mutable
        if in_place or not any(t.untyped_storage()._cdata in storages for t in written):
            self.bytes += sum(t.numel() * t.itemsize for t in (*read, *written))
        return made


def work(name: str, size: int, batch: int = 8) -> tuple[float, float]:
    """Floating-point operations and bytes of one image's forward and backward pass in bf16, nothing fused.

    Operations are three times those of the forward pass: torch counts grouped convolutions backward too high.
    """
    with torch.device("meta"):
        net = build(name, 3).to(torch.bfloat16)
        views = torch.empty(batch, 3, size, size, dtype=torch.bfloat16)
        grades = torch.empty(batch, dtype=torch.long)
    with FlopCounterMode(display=False) as operations:
        net(views)
    with Traffic() as traffic:
        F.cross_entropy(net(views).float(), grades).backward()
    return 3 * operations.get_total_flops() / batch, traffic.bytes / batch


def card(device: str, side: int) -> tuple[float, float]:
    """Operations a second of a bf16 matrix product, and bytes a second of a copy."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    source = torch.empty(side * side * 16, device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    product = fastest(lambda: torch.matmul(a, b), device)
    copy = fastest(lambda: target.copy_(source), device)
    return 2 * side**3 / product, 2 * source.numel() / copy


def fastest(run: Any, device: str, times: int = 20) -> float:  # noqa: ANN401 - any call
    """Seconds of the fastest of some calls."""
    seconds = []
    for _ in range(times + 3):
        waited(device)
        start = time.perf_counter()
        run()
        waited(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[3:])


def waited(device: str) -> None:
    """Wait for the device."""
    if device == "cuda":
        torch.cuda.synchronize()


def views_a_second(device: str, size: int, batch: int) -> float:
    """Views made from an array on the device, with everything that training can vary."""
    side = cached_size(size, "reflect")
    cached = torch.randint(256, (2 * batch, side, side, 3), dtype=torch.uint8, device=device)
    rows = torch.randint(len(cached), (batch,), device=device)
    share, place = 0.7 + 0.3 * torch.rand(batch, 1), torch.rand(batch, 2)
    drawn = ViewParams(
        degrees=(360 * torch.rand(batch)).to(device),
        mirrored=(torch.rand(batch) < 0.5).to(device),
        window=torch.cat([share, place], 1).to(device),
        density=(0.8 + 0.4 * torch.rand(batch, 3)).to(device),
        light=torch.tensor([[1.1, 0.05]]).repeat(batch, 1).to(device),
    )
    made = fastest(
        lambda: make_views(cached[rows], drawn, size=size, border="reflect", normalisation=IMAGENET), device
    )
    return batch / made


def timms_step(setting: Setting, repeats: int, pairs: int) -> tuple[float, float]:
    """Images a second of a training step: ours, and timm's of the same architecture."""
    views = torch.randn(setting.batch, 3, setting.size, setting.size, device=setting.device)
    steppers = [
        Stepper(net, views, train=True, compiled=setting.compile is not None)
        for net in (build(setting.model, 3), THEIRS[setting.model]["timm"]())
    ]
    seconds = against(*steppers, steps=pairs, repeats=repeats)
    ours, theirs = (setting.batch * repeats / statistics.median(found) for found in seconds)
    return ours, theirs


def network(chosen: argparse.Namespace, name: str, limits: tuple[float, float]) -> dict[str, float]:
    """All figures of one network, in images a second."""
    options = ("size", "batch", "steps", "device", "compile", "graph", "scale")
    setting = Setting(name, **{option: getattr(chosen, option) for option in options})
    operations, traffic = work(name, chosen.size)
    whole = livergrade_epoch(setting, chosen.epochs)
    bare = bare_loop(setting, ready_views(setting), chosen.epochs)
    gc.collect()
    ours, timms = timms_step(setting, max(1, chosen.steps // 10), 4)
    return {
        "limit": 1 / max(operations / limits[0], traffic / limits[1]),
        "bare loop": bare,
        "livergrade, steps": whole.steps,
        "livergrade, epoch": whole.epoch,
        "steps / bare": whole.steps / bare,
        "timm's step": timms,
        "ours / timm's": ours / timms,
        "GFLOP an image": operations / 1e9,
        "MB an image": traffic / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    gpu = torch.cuda.is_available()
    parser.add_argument("--models", default=",".join(NAMES))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=80, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=3, help="that are timed")
    parser.add_argument("--scale", type=float, default=0.2, help="of the cohort, of 1665 x 1393 px")
    parser.add_argument("--matrix", type=int, default=8192 if gpu else 512, help="side of the product")
    parser.add_argument("--compile", choices=("default", "reduce-overhead", "max-autotune"))
    parser.add_argument("--graph", action="store_true", help="trainer.graph=true")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if gpu else "cpu")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    limits = card(chosen.device, chosen.matrix)
    made = views_a_second(chosen.device, chosen.size, chosen.batch)
    print(
        f"{torch.cuda.get_device_name() if chosen.device == 'cuda' else 'CPU'}, torch {torch.__version__}: "
        f"{limits[0] / 1e12:.1f} TFLOP/s in a bf16 product, {limits[1] / 1e9:.0f} GB/s in a copy; "
        f"{chosen.size} px, batch {chosen.batch}, compile: {chosen.compile}, graph: {chosen.graph}\n"
        f"views: {made:,.0f} a second from an array on the device\n"
    )
    facts: dict[str, Any] = {
        "options": {key: str(value) for key, value in vars(chosen).items()},
        "torch": torch.__version__,
        "flops": limits[0],
        "bytes": limits[1],
        "views": made,
    }
    rows: dict[str, dict[str, float]] = {}
    for name in chosen.models.split(","):
        rows[name] = network(chosen, name, limits)
        if len(rows) == 1:
            print(f"| network | {' | '.join(rows[name])} |\n|---{'|---:' * len(rows[name])}|")
        figures = (f"{x:.3f}" if "/" in k else f"{x:,.1f}" for k, x in rows[name].items())
        print(f"| {name} | {' | '.join(figures)} |", flush=True)
        if chosen.json:  # after each network, so that a run that is stopped leaves what it has measured
            chosen.json.write_text(json.dumps(facts | {"networks": rows}, indent=1))


if __name__ == "__main__":
    main()
