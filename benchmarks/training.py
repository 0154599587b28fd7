"""Images a second of a whole epoch of training: ours against a bare loop, and against other trainers.

    python benchmarks/training.py [--model resnet50] [--size 96] [--batch 16] [--steps 20] [--rounds 5]
        [--graph] [--lht CHECKOUT] [--timm CHECKOUT] [--json FILE]

An epoch of livergrade is what `python -m livergrade.train` runs, from its start to the start of the next:
views made from the cache, steps, metrics, confusion matrices, TensorBoard, both checkpoints. Only the passes
of the validation images through the network are taken out, since the bare loop has none. The bare loop takes
the same steps with the same network, optimiser and precision on views that lie ready on the device, and keeps
nothing. All take turns; each begins with a fresh network and warms up before it is timed. A ratio is to the
bare loop of the same round. What an epoch needs beyond its steps does not grow with their number; most of it
is writing last.ckpt, so the disk matters: TMPDIR says where the runs are.

--lht: the LightningModule, callbacks, trainer options and TensorBoard logger of lightning-hydra-template with
our network and optimiser, on the same views, ready in memory; rich and rootutils must be installed. Unlike
ours it writes checkpoints after those epochs alone that validated best. --timm: its train.py in a process of
its own, on files of the views' size without augmentation, decoded by another process; its rate is the one
that it logs, which leaves out checkpoints. Both are clones made beforehand.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as the commands do, before torch is imported

import cv2
import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort
from livergrade.data.datamodule import GradingData
from livergrade.data.kinds import read_cohort
from livergrade.data.split import make_split
from livergrade.io.cache_folder import cache_folder
from livergrade.io.images import read_square
from livergrade.models.build import build, normalisation
from livergrade.training.setup import make_task
from livergrade.training.trainer import make_trainer

PARTS = ("whole epoch", "its steps alone")
HELD = 32
"""Batches that the bare loop holds on the device at most; it goes round them."""


@dataclass(frozen=True)
class Setting:
    """What is trained, and how much of it.

    Attributes:
        model: as ``livergrade.models.build`` takes it.
        size: side of the views, pixels.
        batch: views a step.
        steps: of an epoch.
        device: ``cpu``, or ``cuda``: bf16 autocast and channels last, in all loops.
        compile: mode of torch.compile, or None.
        graph: whether steps are recorded as CUDA graphs, as ``trainer.graph`` has it.
        scale: of the embedded cohort's images.
        manifest: another cohort.
    """

    model: str = "resnet50"
    size: int = 96
    batch: int = 16
    steps: int = 20
    device: str = "cpu"
    compile: str | None = None
    graph: bool = False
    scale: float = 0.2
    manifest: str | None = None

    def config(self, epochs: int) -> TrainConfig:
        """The options of a run: livergrade's own but for what is set here."""
        config = TrainConfig()
        config.model.name, config.split.seed = self.model, config.seed
        config.data.image_size, config.data.batch_size = self.size, self.batch
        config.data.synthetic.scale = self.scale
        if self.manifest:
            config.data.name, config.data.manifest = "manifest", self.manifest
        config.trainer.accelerator = "gpu" if self.device == "cuda" else "cpu"
        config.trainer.max_epochs, config.trainer.limit_batches = epochs, self.steps
        config.trainer.compile, config.trainer.graph = self.compile, self.graph
        config.trainer.progress = False
        return config

    def data(self, config: TrainConfig) -> GradingData:
        """The cohort, with views enough that each of the steps gets a whole batch."""
        cohort = read_cohort(config.data)
        split = make_split(cohort, config.split)
        images = int((split["split"] == "train").sum())
        views, angles = -(-self.steps * self.batch // images), round(360 / config.augment.step_degrees)
        if views > angles:
            most = images * angles // self.batch
            raise SystemExit(
                f"--steps {self.steps}: {images} images give at most {most} batches of {self.batch}"
            )
        config.augment.train_views = str(views)
        cache = cache_folder(config.data.cache_dir) / "images"
        channels = normalisation(self.model)
        return GradingData(cohort, split, config.data, config.augment, cache, config.seed, channels)


@dataclass(frozen=True)
class Rate:
    """Images a second: of the whole epoch, and of its steps alone."""

    epoch: float
    steps: float


class Clock(Callback):
    """Seconds of each epoch, but for the passes of the validation images through the network."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[tuple[float, float]] = []  # of the whole, of the steps alone
        self.start: float | None = None
        self.aside = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """One epoch ends where the next starts."""
        self._close()
        self.start, self.aside = now(), 0.0

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Note the end of the last step."""
        if trainer.is_last_batch:
            self.stepped = now()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop."""
        self.stopped = now()

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Go on: what is measured of the passes counts."""
        self.aside += now() - self.stopped

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The last epoch ends."""
        self._close()

    def _close(self) -> None:
        if self.start is not None:
            self.epochs.append((now() - self.start - self.aside, self.stepped - self.start))

    def rate(self, images: int) -> Rate:
        """The median over all epochs but the first, which warms up."""
        whole, steps = (statistics.median(seconds) for seconds in zip(*self.epochs[1:], strict=True))
        return Rate(images / whole, images / steps)


def now() -> float:
    """Seconds, once the device has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def ready_views(setting: Setting) -> list[tuple[Tensor, Tensor]]:
    """Batches of an epoch on the device: views ``float32 [B,3,H,W]`` and grades ``int64 [B]``."""
    config = setting.config(1)
    data = setting.data(config)
    data.prepare_data()
    data.setup("fit")
    batches = []
    for number, batch in enumerate(data.train_dataloader()):
        if number == min(setting.steps, HELD):
            break
        made = data.on_after_batch_transfer(batch, 0)
        view = made["view"].to(setting.device, memory_format=memory_format(setting))
        batches.append((view, made["grade"].to(setting.device)))
    return batches


def memory_format(setting: Setting) -> torch.memory_format:
    """Of views and weights."""
    return torch.channels_last if setting.device == "cuda" else torch.contiguous_format


def optimiser(setting: Setting, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The one that livergrade's defaults are."""
    optim, gpu = TrainConfig().optim, setting.device == "cuda"
    return torch.optim.AdamW(params, lr=optim.lr, weight_decay=optim.weight_decay, fused=gpu)


def bare_loop(setting: Setting, batches: list[tuple[Tensor, Tensor]], epochs: int = 1) -> float:
    """Images a second of a loop with nothing around it, median over the epochs."""
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")  # as livergrade on a GPU; the CPU has no such thing
    net: nn.Module = build(setting.model, 3)
    net.to(setting.device).to(memory_format=memory_format(setting))
    optimizer = optimiser(setting, net.parameters())
    if setting.compile:
        net.compile(mode=setting.compile)

    def run(steps: int) -> float:
        start = now()
        for step in range(steps):
            view, grade = batches[step % len(batches)]
            with torch.autocast(setting.device, torch.bfloat16, enabled=setting.device == "cuda"):
                logits = net(view)
            loss = F.cross_entropy(logits.float(), grade)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return now() - start

    run(5)  # warm-up, compilation
    return setting.batch * setting.steps / statistics.median(run(setting.steps) for _ in range(epochs))


def livergrade_epoch(setting: Setting, epochs: int = 1) -> Rate:
    """Images a second of the run that ``livergrade.train`` makes of these options, median over the epochs."""
    config = setting.config(1 + epochs)
    data = setting.data(config)
    task = make_task(config, data.cohort.classes, "")
    with tempfile.TemporaryDirectory() as run:
        trainer = make_trainer(config.trainer, Path(run), validated="val" in data.test_splits, trained=config)
        clock = Clock()
        trainer.callbacks.insert(0, clock)  # type: ignore[attr-defined]
        if config.trainer.compile:
            task.net.compile(mode=config.trainer.compile, dynamic=False)  # as livergrade.train
        trainer.fit(task, data)
        left = {path.name for path in Path(run, "checkpoints").iterdir()}
        assert left == {"best.ckpt", "last.ckpt"}, left
    return clock.rate(setting.batch * setting.steps)


def template_epoch(
    setting: Setting, batches: list[tuple[Tensor, Tensor]], checkout: Path, epochs: int = 1
) -> Rate:
    """The same of lightning-hydra-template's module, callbacks and trainer options, on ready views."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.utils import instantiate

    if str(checkout) not in sys.path:
        sys.path.insert(0, str(checkout))
    from src.models.mnist_module import MNISTLitModule  # type: ignore[import-not-found]

    cpu = [(view.cpu(), grade.cpu()) for view, grade in batches]
    views, grades = (torch.cat(tensors) for tensors in zip(*cpu, strict=True))
    rounds = -(-setting.steps // len(batches))
    training = TensorDataset(views.repeat(rounds, 1, 1, 1), grades.repeat(rounds))
    validation = TensorDataset(views[: 2 * setting.batch], grades[: 2 * setting.batch])
    loaders = [
        DataLoader(training, setting.batch, shuffle=True, pin_memory=setting.device == "cuda"),
        DataLoader(validation, setting.batch),
    ]
    net = build(setting.model, 3).to(memory_format=memory_format(setting))
    module = MNISTLitModule(net, partial(optimiser, setting), None, compile=False)
    with tempfile.TemporaryDirectory() as run, contextlib.redirect_stdout(io.StringIO()):
        os.environ["PROJECT_ROOT"] = str(checkout)
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(checkout / "configs"), version_base="1.3"):
            theirs = compose("train", overrides=[f"paths.output_dir={run}", "hydra/job_logging=default"])
        clock = Clock()
        callbacks = [instantiate(callback) for callback in theirs.callbacks.values()]
        trainer = instantiate(
            theirs.trainer,
            max_epochs=1 + epochs,
            accelerator="gpu" if setting.device == "cuda" else "cpu",
            precision="bf16-mixed" if setting.device == "cuda" else "32-true",
            limit_train_batches=setting.steps,
            callbacks=[clock, *callbacks],
            logger=TensorBoardLogger(run, name=None),
        )
        trainer.fit(module, *loaders)
    return clock.rate(setting.batch * setting.steps)


class TimmTrainer:
    """timm's ``train.py`` on files of the views' size.

    Args:
        setting: what is trained.
        checkout: of timm.
        folder: the files are put there, one folder a grade.
    """

    def __init__(self, setting: Setting, checkout: Path, folder: Path) -> None:
        self.setting, self.checkout, self.folder = setting, checkout, folder
        cohort: Cohort = read_cohort(setting.config(1).data)
        views = setting.steps * setting.batch
        for number in range(views):
            row = number * len(cohort.table) // views
            target = folder / "train" / cohort.table["grade"].iloc[row] / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), read_square(cohort.paths[row], setting.size)[..., ::-1])

    def rate(self, threads: int) -> float:
        """Images a second in its second epoch, by its log."""
        setting, optim = self.setting, TrainConfig().optim
        gpu = setting.device == "cuda"
        options = {
            "data-dir": self.folder,
            "val-split": "",
            "model": setting.model,
            "num-classes": 3,
            "img-size": setting.size,
            "batch-size": setting.batch,
            "opt": "adamw",
            "lr": optim.lr,
            "weight-decay": optim.weight_decay,
            "epochs": 2,
            "warmup-epochs": 0,
            "workers": 4 if gpu else 1,
            "device": setting.device,
            "log-interval": setting.steps,
            "output": self.folder / "output",
        }
        flags = ["--amp", "--amp-dtype=bfloat16", "--channels-last"] if gpu else ["--no-prefetcher"]
        done = subprocess.run(  # noqa: S603 - the script that was named
            [
                *(sys.executable, "train.py", "--no-aug", *flags),
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            cwd=self.checkout,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=False,
        )
        line = r"Train: 1 \[ *(\d+)/.*Time: [\d.]+s, +[\d.]+/s +\(([\d.]+)s,"
        found = re.findall(line, done.stderr + done.stdout)
        if done.returncode or not found or int(found[-1][0]) + 1 != setting.steps:
            raise SystemExit(f"timm's train.py failed:\n{done.stderr[-3000:]}")
        return setting.batch / float(found[-1][1])


def compare(chosen: argparse.Namespace, setting: Setting, folder: Path) -> dict[str, list[float]]:
    """Images a second of each loop, by round; who begins alternates."""
    batches = ready_views(setting)
    loops: dict[str, Callable[[], dict[str, float]]] = {
        "bare loop": lambda: {"bare loop": bare_loop(setting, batches, chosen.epochs)},
        "livergrade": lambda: named("livergrade", livergrade_epoch(setting, chosen.epochs)),
    }
    if chosen.lht:
        loops["template"] = lambda: named(
            "lightning-hydra-template", template_epoch(setting, batches, chosen.lht, chosen.epochs)
        )
    if chosen.timm:
        timm = TimmTrainer(setting, chosen.timm, folder)
        loops["timm"] = lambda: {"timm, train.py, its steps alone": timm.rate(chosen.threads)}
    rates: dict[str, list[float]] = {}
    for number in range(chosen.rounds):
        for loop in list(loops.values())[:: -1 if number % 2 else 1]:
            gc.collect()
            for name, rate in loop().items():
                rates.setdefault(name, []).append(rate)
    return rates


def named(name: str, rate: Rate) -> dict[str, float]:
    """Both rates by what they are of."""
    return {f"{name}, {part}": value for part, value in zip(PARTS, (rate.epoch, rate.steps), strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    gpu = torch.cuda.is_available()
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--size", type=int, default=224 if gpu else 96)
    parser.add_argument("--batch", type=int, default=128 if gpu else 16)
    parser.add_argument("--steps", type=int, default=100 if gpu else 20, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=2, help="timed in each round, after one that warms up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if gpu else "cpu")
    parser.add_argument("--compile", choices=("default", "reduce-overhead", "max-autotune"))
    parser.add_argument("--graph", action="store_true", help="trainer.graph=true")
    parser.add_argument("--threads", type=int, default=1, help="on a CPU")
    parser.add_argument("--scale", type=float, default=0.2, help="of the embedded cohort, of 1665 x 1393 px")
    parser.add_argument("--manifest", help="of a cohort of your own instead")
    parser.add_argument("--lht", type=Path, help="checkout of ashleve/lightning-hydra-template")
    parser.add_argument("--timm", type=Path, help="checkout of huggingface/pytorch-image-models")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    cv2.setNumThreads(chosen.threads)
    setting = Setting(**{field.name: getattr(chosen, field.name) for field in fields(Setting)})
    device = torch.cuda.get_device_name() if chosen.device == "cuda" else f"CPU, {chosen.threads} threads"
    precision = "bf16 autocast, channels last" if chosen.device == "cuda" else "float32"
    print(
        f"{device}, torch {torch.__version__}, lightning {L.__version__}, {setting.model}, {setting.size} px,"
        f" batch {setting.batch}, {setting.steps} steps an epoch, {precision}, compile: {setting.compile}, "
        f"{chosen.rounds} rounds of {chosen.epochs} epochs\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        rates = compare(chosen, setting, Path(folder))
    print("| loop | images a second | of the bare loop's (least–most) |\n|---|---|---|")
    table: dict[str, dict[str, Any]] = {}
    for name, found in rates.items():
        ratios = [rate / bare for rate, bare in zip(found, rates["bare loop"], strict=True)]
        middle, ratio = statistics.median(found), statistics.median(ratios)
        print(f"| {name} | {middle:.1f} | {ratio:.3f} ({min(ratios):.3f}–{max(ratios):.3f}) |")
        table[name] = {"images_per_second": middle, "ratio": ratio, "ratios": ratios}
    views = setting.batch * setting.steps
    whole, steps = (table[f"livergrade, {part}"]["images_per_second"] for part in PARTS)
    print(f"\nAn epoch of livergrade needs {views / whole - views / steps:.2f} s beyond its steps.")
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"setting": asdict(setting), "threads": chosen.threads, "loops": table}, indent=1)
        )


if __name__ == "__main__":
    main()
