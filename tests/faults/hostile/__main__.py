"""Try every hostile and careless input, and print what came of each.

python -m tests.faults.hostile [--only TEXT] [--stop SECONDS] [--json FILE]
python -m tests.faults.hostile --histories 20 [--seed 0]
"""

from __future__ import annotations

import argparse
import collections
import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a fork has none of the threads of its parent

import tests.faults.hostile as hostile
from tests.conftest import TINY, small_options, write_cohort, write_slide
from tests.faults.hostile.case import Case, Place
from tests.faults.hostile.histories import run_history
from tests.faults.hostile.trial import Outcome, attempt


def cases(only: str = "") -> list[Case]:
    """Every case of every module beside this one whose module and name contain a text."""
    found = []
    for module in pkgutil.iter_modules(hostile.__path__):
        there = getattr(importlib.import_module(f"{hostile.__name__}.{module.name}"), "CASES", [])
        found += [case for case in there if only in f"{module.name}: {case.name}"]
    return found


def make_given(folder: Path) -> Place:
    """A cohort, a slide, and a run trained on the cohort by a process of its own."""
    manifest, run = write_cohort(folder / "cohort"), folder / "run"
    slide = write_slide(folder / "slides" / "case.tif", grain=20)
    words = [*TINY, *small_options(manifest), f"hydra.run.dir={run}"]
    environment = os.environ | {"LIVERGRADE_CACHE": str(folder / "cache")}
    trained = [sys.executable, "-m", "livergrade.train", *words]
    subprocess.run(trained, check=True, env=environment, stdout=subprocess.DEVNULL)
    return Place(folder, run, manifest, slide, folder, folder)


def warm() -> None:
    """Import what the commands need, so that a fork of this process does not; nothing is computed."""
    for name in ("train", "evaluate", "predict", "compare", "explain", "prepare", "check", "export", "plan"):
        importlib.import_module(f"livergrade.{name}")
    for name in ("lightning", "torchvision", "timm", "matplotlib.figure", "sklearn.covariance", "shapely"):
        importlib.import_module(name)


def try_all(chosen: list[Case], folder: Path, *, stop_after: float | None = None) -> list[Outcome]:
    """Try the cases one after the other; those that are breached are printed at once."""
    given = make_given(folder)
    warm()
    outcomes = []
    for number, case in enumerate(chosen):
        place = folder / f"{number:03d}"
        place.mkdir()
        outcome = attempt(case, given, place, stop_after=stop_after)
        outcomes.append(outcome)
        if outcome.kind == "breached":
            print(f"breached: {case.command}, {case.name}: {outcome.why}", flush=True)
        shutil.rmtree(place, ignore_errors=True)
    return outcomes


def try_histories(number: int, seed: int) -> int:
    """Run random histories; returns how many of them touched what is somebody else's."""
    breached = 0
    with tempfile.TemporaryDirectory() as folder:
        given = make_given(Path(folder))
        warm()
        for each in range(seed, seed + number):
            place = Path(folder) / f"history{each}"
            place.mkdir()
            did, wrong = run_history(given, place, each)
            breached += bool(wrong)
            if wrong:
                print(f"breached by history {each}:", *did, *wrong, sep="\n  ", flush=True)
            shutil.rmtree(place, ignore_errors=True)
    print(f"histories: {number}, breached {breached}")
    return breached


def main() -> None:
    """Print the table; the exit code is 1 if anything was breached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose module or name contains this")
    parser.add_argument("--stop", type=float, help="send SIGTERM after so many seconds")
    parser.add_argument("--json", type=Path, help="write the outcomes here")
    parser.add_argument("--histories", type=int, help="so many random histories instead")
    parser.add_argument("--seed", type=int, default=0, help="of the first history")
    chosen = parser.parse_args()
    if chosen.histories:
        raise SystemExit(bool(try_histories(chosen.histories, chosen.seed)))
    with tempfile.TemporaryDirectory() as folder:
        outcomes = try_all(cases(chosen.only), Path(folder), stop_after=chosen.stop)
    counted = collections.Counter(outcome.kind for outcome in outcomes)
    largest = max(outcomes, key=lambda outcome: outcome.memory)
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    print(
        f"tried {len(outcomes)}, refused {counted['refused']}, right {counted['right']}, "
        f"breached {counted['breached']}\n"
        f"most memory: {largest.memory / 1e9:.2f} GB ({largest.case.name})\n"
        f"longest: {slowest.seconds:.1f} s ({slowest.case.name})"
    )
    if chosen.json:
        rows = [
            {"command": each.case.command, "name": each.case.name, "kind": each.kind, "why": each.why}
            | {"seconds": each.seconds, "memory": each.memory}
            for each in outcomes
        ]
        chosen.json.write_text(json.dumps(rows, indent=1))
    raise SystemExit(bool(counted["breached"]))


if __name__ == "__main__":
    main()
