"""How long the paper's experiment takes on this machine: five networks, 300 epochs of 36 views an image.

    python benchmarks/paper_run.py [--models vgg16,senet] [--epochs 4] [--ways "" "data.batch_size=256" ...]
        [--side-by-side 2] [--tiny] [--out FOLDER] [--json FILE]

Each way is a sweep of `experiment=paper_patient` by `livergrade.train`, with the options of the way added:
larger batches, `trainer.compile=...`, another memory format. A few epochs are trained, and the whole is
projected: what the sweep took, and for each missing epoch the median of a network's epochs but the first.
Beside it stands the floor: every operation of every view at the speed of this machine's matrix product or
copy, nothing fused (benchmarks/gpu.py). ``--side-by-side`` trains several networks at once, each in its share
of the card, and compares the time with that of one after another. Without a GPU it runs in small, to see that
it works.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from card import epochs
from gpu import card, work

from livergrade.models.catalog import NAMES

PAPER = 300
"""Epochs in the paper."""
ANGLES = 36
SMALL = (
    "trainer=cpu",
    "trainer.limit_batches=2",
    "data.image_size=32",
    "data.synthetic.scale=0.05",
    "augment.test_views=upright",
)


def train(chosen: argparse.Namespace, way: str, folder: Path, lanes: int = 1) -> float:
    """Train the networks of a way into a folder; the seconds it took."""
    words = ["-m", f"model={','.join(chosen.models)}", "experiment=paper_patient", *way.split()]
    words += [f"trainer.max_epochs={chosen.epochs}", "trainer.map_patients=0", "trainer.progress=false"]
    if chosen.tiny:
        words += SMALL
    if lanes > 1:
        words += ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={lanes}"]
        words += [f"trainer.gpu_share={1 / lanes:.2f}"] if chosen.device == "cuda" else []
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - this interpreter, and the words of whoever measures
        [sys.executable, "-m", "livergrade.train", *words, f"hydra.sweep.dir={folder}"], check=True
    )
    return time.perf_counter() - started


def projected(chosen: argparse.Namespace, folder: Path, seconds: float) -> dict[str, float]:
    """What a way's sweep comes to in the paper's epochs: seconds an epoch by network, and hours in all."""
    of_runs = {
        str(row["job"]): statistics.median(row["seconds"]) for row in epochs(argparse.Namespace(sweep=folder))
    }
    if len(of_runs) != len(chosen.models):
        raise SystemExit(f"{folder}: {len(of_runs)} of {len(chosen.models)} runs have epochs; see their logs")
    missing = PAPER - chosen.epochs
    return of_runs | {"hours": (seconds + missing * sum(of_runs.values())) / 3600}


def floor(chosen: argparse.Namespace, folder: Path) -> float:
    """Hours that arithmetic and memory alone would take for the views of a sweep, in the paper's epochs."""
    split = pd.read_csv(next(folder.rglob("split.csv")))
    views = ANGLES * int((split["split"] == "train").sum())
    product, copy = card(chosen.device, 256 if chosen.tiny else 8192)
    seconds = 0.0
    for name in chosen.models:
        operations, traffic = work(name, 32 if chosen.tiny else 224)
        seconds += views * max(operations / product, traffic / copy)
    return PAPER * seconds / 3600


def measure(chosen: argparse.Namespace) -> list[dict[str, object]]:
    """A row for each way: seconds an epoch, hours in all, and the floor; a last one side by side."""
    rows: list[dict[str, object]] = []
    for number, way in enumerate(chosen.ways):
        folder = chosen.out / f"way_{number}"
        seconds = train(chosen, way, folder)
        row: dict[str, object] = {"way": way or "as the recipe has it", "seconds": seconds}
        rows.append(row | projected(chosen, folder, seconds) | {"floor, hours": floor(chosen, folder)})
        print(json.dumps(rows[-1]), flush=True)
    if chosen.side_by_side > 1:
        lanes = chosen.side_by_side
        seconds = train(chosen, chosen.ways[0], chosen.out / "side_by_side", lanes)
        gain = float(str(rows[0]["seconds"])) / seconds
        rows.append({"way": f"{lanes} at a time", "seconds": seconds, "times as fast": gain})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def options() -> argparse.ArgumentParser:
    """The command line."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default=",".join(NAMES), help="separated by commas")
    parser.add_argument("--epochs", type=int, default=4, help="trained; from 2, since the first is left out")
    parser.add_argument("--ways", nargs="+", default=[""], help="options added to the sweep, one way a word")
    parser.add_argument("--side-by-side", type=int, default=1, help="networks that are trained at once")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if gpu else "cpu")
    parser.add_argument("--tiny", action=argparse.BooleanOptionalAction, default=not gpu)
    parser.add_argument("--out", type=Path, help="the runs are kept there; else they are removed")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Print a line of JSON for each way."""
    parser = options()
    chosen = parser.parse_args(words)
    chosen.models = chosen.models.split(",")
    if chosen.epochs < 2:
        parser.error("--epochs: from 2, since the first is left out")
    with tempfile.TemporaryDirectory() as folder:
        chosen.out = chosen.out or Path(folder)
        rows = measure(chosen)
    if chosen.json:
        name = torch.cuda.get_device_name() if chosen.device == "cuda" else "CPU"
        facts = {"device": name, "torch": torch.__version__, "epochs": chosen.epochs, "tiny": chosen.tiny}
        chosen.json.write_text(json.dumps(facts | {"rows": rows}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
