"""Seconds until a command answers, and until it trains: ours against lightning-hydra-template's.

    python benchmarks/startup.py [--lht CHECKOUT] [--rounds 5] [--json FILE]

Each command is a process of its own, timed from its start to its end. Ours and theirs take turns, after one
round that is not counted, so that files are in memory and our cache of images exists. A ratio is ours by
theirs in the same round. The first step of training ends the process: ours reads the embedded cohort and
trains ResNet50 at 64 px, theirs its small dense network on MNIST (files of zeros in its place).

--lht is a clone of ashleve/lightning-hydra-template; what it imports (rootutils, rich, hydra-colorlog,
hydra-optuna-sweeper) must be installed or on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]

UNTIL_FIRST_STEP = """
import os, runpy, sys
from torch.optim import optimizer
optimizer.register_optimizer_step_post_hook(lambda *_: os._exit(42))
run, target, *words = sys.argv[1:]
sys.argv = [target, *words]
getattr(runpy, run)(target, run_name="__main__")
"""
"""Runs a command as ``python`` would, and ends it once an optimiser has taken a step."""

STEPPED = 42


def seconds(command: list[str], folder: Path, environment: dict[str, str], expected: int) -> float:
    """Time of a process; it must end with the exit code."""
    start = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - commands of this file
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    taken = time.perf_counter() - start
    if done.returncode != expected:
        raise SystemExit(f"{' '.join(command[-3:])} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return taken


def our_commands(work: Path, scale: float) -> dict[str, list[str]]:
    """By what they do."""
    training = [
        "model=resnet50",
        f"data.synthetic.scale={scale}",
        f"data.cache_dir={work / 'cache'}",
        "trainer.accelerator=cpu",
    ]
    return {
        "--help": ["-m", "livergrade.train", "--help"],
        "--cfg job": ["-m", "livergrade.train", "--cfg", "job"],
        "first step": ["-c", UNTIL_FIRST_STEP, "run_module", "livergrade.train", *training],
    }


def their_commands(work: Path) -> dict[str, list[str]]:
    """The same."""
    script = str(Path("src", "train.py"))
    training = [f"paths.data_dir={work}", f"paths.log_dir={work / 'logs'}", "trainer.accelerator=cpu"]
    return {
        "--help": [script, "--help"],
        "--cfg job": [script, "--cfg", "job"],
        "first step": ["-c", UNTIL_FIRST_STEP, "run_path", script, *training],
    }


def write_mnist(folder: Path) -> None:
    """Files of MNIST's names, format and sizes, all zero: their content does not matter to the time."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for side, images in {"train": 60_000, "t10k": 10_000}.items():
        pixels = struct.pack(">IIII", 0x803, images, 28, 28) + bytes(images * 28 * 28)
        (raw / f"{side}-images-idx3-ubyte").write_bytes(pixels)
        (raw / f"{side}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, images) + bytes(images))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lht", type=Path, help="checkout of ashleve/lightning-hydra-template")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scale", type=float, default=0.2, help="of the cohort, of 1665 x 1393 px")
    parser.add_argument("--what", default="--help,--cfg job,first step", help="parts of it, with commas")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    times: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        if chosen.lht:
            write_mnist(work)
        sides = {"livergrade": (our_commands(work, chosen.scale), ROOT)}
        if chosen.lht:
            sides["lightning-hydra-template"] = (their_commands(work), chosen.lht)
        environment = {"OMP_NUM_THREADS": str(chosen.threads), "LIVERGRADE_OUTPUTS": str(work / "outputs")}
        for what in chosen.what.split(","):
            expected = STEPPED if what == "first step" else 0
            for number in range(chosen.rounds + 1):
                for name, (commands, folder) in list(sides.items())[:: -1 if number % 2 else 1]:
                    taken = seconds(commands[what], folder, environment, expected)
                    if number:  # the first round warms up
                        times.setdefault(what, {}).setdefault(name, []).append(taken)
    report(times, chosen)


def report(times: dict[str, dict[str, list[float]]], chosen: argparse.Namespace) -> None:
    """Print the table, and write it as JSON if asked."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "lightning", "hydra-core"))
    print(f"CPU, {chosen.threads} threads, {versions}, {chosen.rounds} rounds\n")
    print("| until | livergrade, s | lightning-hydra-template, s | ours / theirs (least–most) |")
    print("|---|---|---|---|")
    table = []
    for what, sides in times.items():
        mine, theirs = sides["livergrade"], sides.get("lightning-hydra-template")
        row = {"until": what, "livergrade": statistics.median(mine), "template": None, "ratio": None}
        told = "– | –"
        if theirs:
            ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
            row |= {"template": statistics.median(theirs), "ratio": statistics.median(ratios)}
            told = f"{row['template']:.2f} | {row['ratio']:.3f} ({min(ratios):.3f}–{max(ratios):.3f})"
        print(f"| {what} | {row['livergrade']:.2f} | {told} |")
        table.append(row)
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"threads": chosen.threads, "rounds": chosen.rounds, "rows": table}, indent=1)
        )


if __name__ == "__main__":
    main()
