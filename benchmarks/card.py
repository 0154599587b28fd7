"""What one NVIDIA card has to show: whether its numbers are right, and what a training step costs on it.

    python benchmarks/card.py views [--json FILE]
    python benchmarks/card.py nets [--models senet,cbam] [--json FILE]
    python benchmarks/card.py steps [MODEL:BATCH[:MODE] ...] [--json FILE]
    python benchmarks/card.py epochs SWEEP [--json FILE]

views: the views that the device makes against those that the CPU makes, as PSNR in dB, with TensorFloat-32
products and bf16 autocast on and off. The device makes views inside training and embedding, and either may
have switched both on.
nets: logits, and the gradient of the first weights, against float64 on the CPU: the length of the difference
as a share of the length of the true vector. Batch norms see the batch, dropout is off.
steps: images a second of views, network and optimizer together, in bf16 as training has it; milliseconds of a
step, of the host alone until it has issued one, and of the views; memory at its peak; seconds until the
network ran at full speed. MODE is nchw, which keeps images and weights contiguous instead of channels last,
or a mode of torch.compile: default, reduce-overhead, max-autotune. "waits" are the places where the host
waited for the device within the steps.
epochs: seconds of each epoch of each job of a sweep but its first, which warms up, by TensorBoard's clock;
and the loss of every epoch.

Without a GPU everything runs on the CPU in small (--tiny), which shows that it works and no more. The JSON
file is written again after each row, so that a run that was stopped leaves what it had measured.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn
from torch.nn import functional as F

from livergrade.config.schema import TrainConfig
from livergrade.data.augment import ViewParams, affine_maps, grid_sampled, make_views
from livergrade.data.cache import cached_size
from livergrade.models.architecture import IMAGENET
from livergrade.models.build import build
from livergrade.models.catalog import NAMES
from livergrade.training.setup import make_task
from livergrade.training.task import GradingTask

Row = dict[str, Any]
"""What is printed as a row of a table: figures and texts by the name of their column."""

BORDERS = ("black", "reflect", "crop")
PRECISIONS = {"fp32": (False, False), "tf32": (True, False), "bf16": (True, True)}
"""Whether products are TensorFloat-32, and whether autocast makes them bf16."""

CASES = (
    *(
        "senet:128",
        "senet:128:default",
        "senet:32:reduce-overhead",
        "resnet50:32",
        "resnet50:128",
        "resnet50:256",
    ),
    *("sknet:128", "sknet:128:nchw", "cbam:32", "vgg16:128"),
)
MODES = ("", "nchw", "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


@dataclass(frozen=True)
class Case:
    """What takes the steps that are timed.

    Attributes:
        model: one of the five networks.
        batch: views a step.
        mode: "" for a network as training has it on this device, ``nchw``, or a mode of torch.compile.
    """

    model: str
    batch: int
    mode: str = ""

    @classmethod
    def parse(cls, text: str) -> Case:
        """Read ``MODEL:BATCH[:MODE]``.

        Raises:
            argparse.ArgumentTypeError: there is no such model, batch or mode.
        """
        model, batch, mode = (*text.split(":", 2), "", "")[:3]
        if model not in NAMES or not batch.isdecimal() or int(batch) < 2 or mode not in MODES:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not MODEL:BATCH[:MODE] with a model of {', '.join(NAMES)}, "
                f"a batch of 2 or more, and a mode of {', '.join(MODES[1:])}"
            )
        return cls(model, int(batch), mode)

    def __str__(self) -> str:
        return f"{self.model}:{self.batch}{':' * bool(self.mode)}{self.mode}"


@contextmanager
def products(*, tf32: bool) -> Iterator[None]:
    """Have matrix products and convolutions be TensorFloat-32 or float32, as ``trainer.tf32`` does."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def wait(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def views(chosen: argparse.Namespace) -> Iterator[Row]:
    """PSNR of the device's views to the CPU's, in every state of the process."""
    for border in BORDERS:
        images, drawn = turned(cached_size(chosen.size, border))
        there = ViewParams(**{name: tensor.to(chosen.device) for name, tensor in vars(drawn).items()})
        want = make_views(images, drawn, size=chosen.size, border=border, normalisation=IMAGENET)
        for tf32 in (False, True):
            for cast in (False, True):
                with products(tf32=tf32), torch.autocast(chosen.device, torch.bfloat16, enabled=cast):
                    got = device_views(images.to(chosen.device), there, chosen.size, border)
                yield {"border": border, "tf32": tf32, "autocast": cast, "PSNR, dB": psnr(got, want)}


def turned(side: int, count: int = 8) -> tuple[Tensor, ViewParams]:
    """Smooth images ``uint8 [B, side, side, 3]``, each turned by another angle, every second mirrored."""
    torch.manual_seed(0)
    cells = F.interpolate(torch.rand(count, 3, 24, 24), (side, side), mode="bicubic")
    images = cells.clamp(0, 1).mul(255).byte().permute(0, 2, 3, 1).contiguous()
    degrees = torch.linspace(0, 330, count)
    return images, replace(ViewParams.upright(count), degrees=degrees, mirrored=torch.arange(count) % 2 > 0)


def device_views(images: Tensor, drawn: ViewParams, size: int, border: str) -> Tensor:
    """Views as a GPU makes them, in the stain and the light that the images have.

    The CPU has a way of its own; asked for views here, it takes the steps that a GPU takes.
    """
    if images.device.type != "cpu":
        return make_views(images, drawn, size=size, border=border, normalisation=IMAGENET)
    maps = affine_maps(drawn, images.shape[1], size, border)
    mean, deviation = (torch.tensor(each).view(3, 1, 1) for each in IMAGENET)
    return (grid_sampled(images, maps, size, border) / 255 - mean) / deviation


def psnr(got: Tensor, want: Tensor) -> float:
    """Peak signal-to-noise ratio of normalised views, dB; at most 150, which stands for equal ones."""
    deviation = torch.tensor(IMAGENET[1]).view(3, 1, 1)
    error = (((got.cpu().float() - want) * deviation) ** 2).mean()
    return float(-10 * torch.log10(error.clamp(min=1e-15)))


def nets(chosen: argparse.Namespace) -> Iterator[Row]:
    """Errors of each network's logits and first gradient in each precision."""
    for name in chosen.models.split(","):
        torch.manual_seed(0)
        net = build(name, 3).train()
        for layer in net.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
        images, grades = torch.randn(4, 3, chosen.size, chosen.size), torch.arange(4) % 3
        true = copy.deepcopy(net).double()
        want = graded(true, images.double(), grades)
        for precision, (tf32, bf16) in PRECISIONS.items():
            tried = copy.deepcopy(net).to(chosen.device, memory_format=torch.channels_last)
            shown = images.to(chosen.device).contiguous(memory_format=torch.channels_last)
            with products(tf32=tf32):
                got = graded(tried, shown, grades.to(chosen.device), bf16=bf16)
            errors = (error(*pair) for pair in zip(got, want, strict=True))
            yield {"model": name, "precision": precision} | dict(
                zip(("logits", "first gradient"), errors, strict=True)
            )


def graded(net: nn.Module, images: Tensor, grades: Tensor, *, bf16: bool = False) -> tuple[Tensor, Tensor]:
    """Logits of images, and the gradient of the network's first weights."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
        logits: Tensor = net(images)
    F.cross_entropy(logits if images.dtype == torch.float64 else logits.float(), grades).backward()
    gradient = next(net.parameters()).grad
    assert gradient is not None
    return logits, gradient


def error(got: Tensor, want: Tensor) -> float:
    """Length of the difference, as a share of the length of what is wanted."""
    difference = got.detach().cpu().double() - want.detach()
    return float(difference.norm() / want.detach().norm())


def steps(chosen: argparse.Namespace) -> Iterator[Row]:
    """Time the steps of each case; one that fails is told and stops no other."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True  # as the trainer sets it
    try:
        for case in chosen.cases:
            try:
                with products(tf32=True):
                    yield timed(case, chosen)
            except (RuntimeError, ImportError, OSError) as problem:  # no memory, no compiler
                yield {"case": str(case), "error": f"{type(problem).__name__}: {problem}"}
    finally:
        torch.backends.cudnn.benchmark = before


def timed(case: Case, chosen: argparse.Namespace) -> Row:
    """Take the steps of one case."""
    device, gpu = chosen.device, chosen.device == "cuda"
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    stepper = Stepper(case, chosen.size, device)
    for _ in range(2 if chosen.tiny else 8):
        stepper.step()
    wait(device)
    warm = time.perf_counter() - start

    count = 3 if chosen.tiny else max(10, 4000 // case.batch)
    with waits(device) as places:
        start = time.perf_counter()
        for _ in range(count):
            stepper.step()
    wait(device)
    step = (time.perf_counter() - start) / count

    start = time.perf_counter()
    for _ in range(count):
        stepper.views()
    wait(device)
    made = (time.perf_counter() - start) / count

    host = []
    for _ in range(5):
        wait(device)
        start = time.perf_counter()
        stepper.step()
        host.append(time.perf_counter() - start)
    wait(device)
    if case.mode:
        torch.compiler.reset()
    return {
        "case": str(case),
        "images/s": case.batch / step,
        "step, ms": 1e3 * step,
        "host, ms": 1e3 * statistics.median(host),
        "views, ms": 1e3 * made,
        "peak, GB": torch.cuda.max_memory_allocated() / 1e9 if gpu else None,
        "warm-up, s": warm,
        "waits": sorted(set(places)),
    }


class Stepper:
    """One network's training steps on random images that lie on the device.

    Args:
        case: which network, and how it is run.
        size: side of the views, pixels.
        device: ``cpu``, or ``cuda``, which has bf16 autocast.
    """

    def __init__(self, case: Case, size: int, device: str) -> None:
        self.size, self.device = size, device
        self.task = paper_task(case, size, device).to(device)
        if case.mode not in ("", "nchw"):
            self.task.net.compile(mode=case.mode)
        self.optimizer: torch.optim.Optimizer = self.task.configure_optimizers()
        side = cached_size(size, "black")
        self.images = torch.randint(256, (2 * case.batch, side, side, 3), dtype=torch.uint8, device=device)
        self.rows = torch.arange(case.batch, device=device)
        self.drawn = replace(
            ViewParams.upright(case.batch, torch.device(device)), degrees=self.rows % 36 * 10.0
        )

    def views(self) -> Tensor:
        """The views of a batch, ``float32 [B, 3, size, size]``."""
        return make_views(
            self.images[self.rows], self.drawn, size=self.size, border="black", normalisation=IMAGENET
        )

    def step(self) -> None:
        """Make the views and learn from them."""
        batch = {"view": self.views(), "grade": self.rows % 3, "row": self.rows}
        batch["degrees"] = self.drawn.degrees
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            loss = self.task.training_step(batch, 0)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


def paper_task(case: Case, size: int, device: str) -> GradingTask:
    """What a run trains, with the paper's optimizer."""
    config = TrainConfig()
    config.model.name, config.data.image_size, config.data.batch_size = case.model, size, case.batch
    config.trainer.channels_last = "no" if case.mode == "nchw" or device == "cpu" else "yes"
    config.optim.name, config.optim.lr, config.optim.schedule = "sgd", 0.001, "constant"
    config.optim.momentum, config.optim.weight_decay = 0.0, 0.0
    return make_task(config, config.data.classes, "")


@contextmanager
def waits(device: str) -> Iterator[list[str]]:
    """A list that afterwards holds every place, ``file:line``, where the host waited for the device."""
    places: list[str] = []
    if device != "cuda":
        yield places
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            torch.cuda.set_sync_debug_mode("default")
    # Switching it on warns too, that it is a prototype.
    told = [each for each in caught if "called a synchronizing" in str(each.message)]
    places += [f"{Path(each.filename).name}:{each.lineno}" for each in told]


def epochs(chosen: argparse.Namespace) -> Iterator[Row]:
    """What TensorBoard's files tell of each run in a folder."""
    for folder in sorted(chosen.sweep.rglob("tensorboard")):
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
        known = "loss/train" in events.Tags()["scalars"]
        losses = events.Scalars("loss/train") if known else []
        times = [each.wall_time for each in losses]
        yield {
            "job": folder.parent.name,
            "seconds": [after - before for before, after in pairwise(times)],
            "loss": [each.value for each in losses],
        }


def told(value: object) -> str:
    """A figure as a table shows it."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, list):
        return " ".join(told(each) for each in value) or "–"
    return "–" if value is None else str(value)


COMMANDS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "views": views,
    "nets": nets,
    "steps": steps,
    "epochs": epochs,
}


def options() -> argparse.ArgumentParser:
    """The command line."""
    gpu = torch.cuda.is_available()
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if gpu else "cpu")
    shared.add_argument(
        "--tiny",
        action=argparse.BooleanOptionalAction,
        default=not gpu,
        help="small and few, to see that it works; the default where there is no GPU",
    )
    shared.add_argument("--size", type=int, help="side of the views, pixels: 224, or 32 with --tiny")
    shared.add_argument("--json", type=Path, help="write the figures there")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("views", parents=[shared], help="are the device's views true?")
    inner = commands.add_parser("nets", parents=[shared], help="are logits and gradients true?")
    inner.add_argument("--models", default=",".join(NAMES))
    inner = commands.add_parser("steps", parents=[shared], help="how fast is a step?")
    inner.add_argument("cases", nargs="*", type=Case.parse, metavar="MODEL:BATCH[:MODE]")
    inner = commands.add_parser("epochs", parents=[shared], help="how long was an epoch?")
    inner.add_argument("sweep", type=Path, help="a folder of runs")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Print the table of one command, and write JSON where asked; 1 if a row could not be measured."""
    chosen = options().parse_args(words)
    chosen.size = chosen.size or (32 if chosen.tiny else 224)
    if chosen.command == "steps" and not chosen.cases:
        chosen.cases = [Case("resnet50", 4)] if chosen.tiny else [Case.parse(each) for each in CASES]
    name = torch.cuda.get_device_name() if chosen.device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}", flush=True)
    rows: list[Row] = []
    columns: list[str] = []
    for row in COMMANDS[chosen.command](chosen):
        rows.append(row)
        if "error" in row:
            print(f"{row['case']}: {row['error']}", flush=True)
        else:
            if not columns:
                columns = list(row)
                print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
            print(f"| {' | '.join(told(row[column]) for column in columns)} |", flush=True)
        if chosen.json:
            facts = {"options": {key: str(value) for key, value in vars(chosen).items()}, "device": name}
            chosen.json.write_text(json.dumps(facts | {"torch": torch.__version__, "rows": rows}, indent=1))
    if not rows:
        print(f"nothing was found to measure: {vars(chosen)}")
    return int(not rows or any("error" in row for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
