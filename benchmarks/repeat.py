"""Are two runs with the same options equal, bit for bit, and is a resumed run equal to an unbroken one?

    python benchmarks/repeat.py [--models senet,cbam] [--epochs 2] [--batches 12] [--lanes 8]
        [--kernels deterministic] [--tiny] [--out FOLDER] [--json FILE]

Each network is trained four times by `livergrade.train` on the embedded cohort, with
`trainer.deterministic=true` and without: twice from its start to its end, once with `trainer.graph=true`, and
once stopped by SIGTERM after the first epoch and resumed. The weights that were kept and the probabilities of
`predictions.csv` are compared with those of the first run. Several runs are trained at once (``--lanes``).
Without `trainer.deterministic` cuDNN chooses its kernels by timing them, so that runs may differ on a GPU.
Without a GPU it runs in small.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd
import torch

from livergrade.models.catalog import NAMES

SMALL = (
    "trainer=cpu",
    "data.image_size=32",
    "data.synthetic.scale=0.05",
    "data.batch_size=4",
    "augment.test_views=upright",
)
KINDS = ("first", "second", "resumed", "graph")

KERNELS = {"both": (True, False), "deterministic": (True,), "default": (False,)}
"""Values of ``trainer.deterministic``."""


@dataclass(frozen=True)
class Training:
    """A run that is compared.

    Attributes:
        model: its network.
        deterministic: whether it has deterministic kernels alone.
        kind: one of :data:`KINDS`.
    """

    model: str
    deterministic: bool
    kind: str

    def folder(self, out: Path) -> Path:
        """Where it is kept."""
        kernels = "deterministic" if self.deterministic else "default"
        return out / f"{self.model}-{kernels}-{self.kind}"


def train(training: Training, chosen: argparse.Namespace) -> str:
    """Train a run to its end; why it failed, or nothing."""
    folder = training.folder(chosen.out)
    shutil.rmtree(folder, ignore_errors=True)
    words = [f"model={training.model}", f"trainer.deterministic={str(training.deterministic).lower()}"]
    words += [f"trainer.max_epochs={chosen.epochs}", f"trainer.limit_batches={chosen.batches}"]
    words += ["trainer.progress=false", "trainer.map_patients=0", "trainer.figure_epochs=0"]
    words += [f"hydra.run.dir={folder}", *(SMALL if chosen.tiny else ())]
    words += ["trainer.graph=true"] if training.kind == "graph" else []
    if training.kind == "resumed":
        started = start(words, folder)
        while started.poll() is None and not (folder / "checkpoints" / "last.ckpt").is_file():
            time.sleep(0.05)
        started.send_signal(signal.SIGTERM)
        if started.wait() != 143:
            return f"stopped with exit code {started.returncode}, not 143: {last_line(folder)}"
        words = [f"train.resume={folder}"]
    code = start(words, folder).wait()
    return f"exit code {code}: {last_line(folder)}" if code else ""


def start(words: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    """Start `livergrade.train`; what it prints is kept beside the run's folder."""
    with log_of(folder).open("a", encoding="utf-8") as log:
        return subprocess.Popen(  # noqa: S603 - this interpreter, and the words of whoever measures
            [sys.executable, "-m", "livergrade.train", *words], stdout=log, stderr=log, text=True
        )


def log_of(folder: Path) -> Path:
    """The file of what a run printed."""
    return folder.with_suffix(".log")


def last_line(folder: Path) -> str:
    """The last line that a run printed."""
    return (log_of(folder).read_text("utf-8").splitlines() or ["nothing was printed"])[-1]


def compared(first: Path, other: Path) -> dict[str, object]:
    """Whether a run's weights and predictions are those of the first, and how far probabilities differ."""
    weights = [
        torch.load(folder / "checkpoints" / "best.ckpt", "cpu", weights_only=True)["state_dict"]
        for folder in (first, other)
    ]
    tables = [pd.read_csv(folder / "predictions.csv") for folder in (first, other)]
    names = [name for name in tables[0] if str(name).startswith("p_")]
    return {
        "weights": weights[0].keys() == weights[1].keys()
        and all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0]),
        "predictions": tables[0].equals(tables[1]),
        "largest difference": float((tables[0][names] - tables[1][names]).abs().to_numpy().max()),
    }


def measure(chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Train all runs, and compare those of a network: a row for each comparison."""
    trainings = [
        Training(model, deterministic, kind)
        for deterministic, model, kind in product(KERNELS[chosen.kernels], chosen.models, KINDS)
    ]
    with ThreadPoolExecutor(chosen.lanes) as lanes:
        failures = dict(zip(trainings, lanes.map(lambda each: train(each, chosen), trainings), strict=True))
    rows: list[dict[str, object]] = []
    for training, failure in failures.items():
        if training.kind == "first":
            first = training
        row: dict[str, object] = dict(vars(training))
        if reason := failures[first] or failure:
            rows.append(row | {"error": reason})
        elif training.kind != "first":
            rows.append(row | compared(first.folder(chosen.out), training.folder(chosen.out)))
    return rows


def options() -> argparse.ArgumentParser:
    """The command line."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default=",".join(NAMES), help="separated by commas")
    parser.add_argument("--epochs", type=int, default=2, help="of each run, from 2: it is stopped once")
    parser.add_argument("--kernels", choices=tuple(KERNELS), default="both")
    parser.add_argument("--batches", type=int, default=12 if gpu else 2, help="of an epoch")
    parser.add_argument("--lanes", type=int, default=8 if gpu else 1, help="runs that are trained at once")
    parser.add_argument("--tiny", action=argparse.BooleanOptionalAction, default=not gpu)
    parser.add_argument("--out", type=Path, help="the runs are kept there; else they are removed")
    parser.add_argument("--json", type=Path, help="write the rows there")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Print a line of JSON for each comparison; 1 if a run failed."""
    chosen = options().parse_args(words)
    chosen.models = chosen.models.split(",")
    with tempfile.TemporaryDirectory() as folder:
        chosen.out = chosen.out or Path(folder)
        chosen.out.mkdir(parents=True, exist_ok=True)
        rows = measure(chosen)
    for row in rows:
        print(json.dumps(row), flush=True)
    if chosen.json:
        name = torch.cuda.get_device_name() if torch.cuda.is_available() and not chosen.tiny else "CPU"
        facts = {"device": name, "torch": torch.__version__, "tiny": chosen.tiny}
        chosen.json.write_text(json.dumps(facts | {"rows": rows}, indent=1), "utf-8")
    return int(any("error" in row for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
