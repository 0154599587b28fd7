"""Seconds until ``predict`` has graded one image, beside what ``import torch`` alone takes.

    python benchmarks/predict.py RUN IMAGE [--rounds 5] [--threads 1] [--json FILE]

Each command is a process of its own, timed from its start to its end. The two take turns, after one round
that is not counted, so that files are in memory. A ratio is ours by ``import torch`` of the same round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]


def seconds(words: list[str], threads: int) -> float:
    """Time of a Python process; one that fails ends the benchmark."""
    start = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - commands of this file
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=False,
    )
    taken = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a trained run")
    parser.add_argument("image", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    times: dict[str, list[float]] = {"import torch": [], "predict": []}
    with tempfile.TemporaryDirectory() as folder:
        given = [f"run={chosen.run.resolve()}", str(chosen.image.resolve()), "accelerator=cpu"]
        for number in range(chosen.rounds + 1):
            commands = {
                "import torch": ["-c", "import torch"],
                "predict": ["-m", "livergrade.predict", *given, f"out={Path(folder) / str(number)}"],
            }
            for name in list(commands)[:: -1 if number % 2 else 1]:
                taken = seconds(commands[name], chosen.threads)
                if number:  # the first round warms up
                    times[name].append(taken)
    ratios = [ours / bare for ours, bare in zip(times["predict"], times["import torch"], strict=True)]
    result = {name: statistics.median(each) for name, each in times.items()} | {
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }
    print(f"CPU, {chosen.threads} threads, torch {version('torch')}, {chosen.rounds} rounds\n")
    print("| import torch, s | predict one image, s | ratio (least–most) |\n|---|---|---|")
    print(
        f"| {result['import torch']:.2f} | {result['predict']:.2f} "
        f"| {result['ratio']:.2f} ({result['least']:.2f}–{result['most']:.2f}) |"
    )
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
