"""Kill runs at random moments, look at what they leave, go on, and hold the end against an unbroken run.

Run as a program of its own: it forks, which a process whose threads are at work had better not.
"""

import functools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from livergrade.data.cache import decoded_images
from livergrade.data.cohort import from_manifest
from tests.conftest import GRADES, TINY, command, write_cohort


def options(folder: Path, manifest: Path) -> list[str]:
    """A run that saves after every batch, on a cache of its own."""
    return [
        "data=manifest",
        f"data.manifest={manifest}",
        f"data.cache_dir={folder / 'cache'}",
        "data.image_size=32",
        "data.batch_size=6",
        "split.test_fraction=0.25",
        "split.val_fraction=0.34",
        "optim=sgd",
        "augment.test_views=2",
        "trainer.accelerator=cpu",
        "trainer.max_epochs=3",
        "trainer.save_minutes=0",
        "trainer.map_patients=2",
        "trainer.progress=false",
        *TINY,
    ]


def start(task: Callable[[], object], folder: Path) -> int:
    """Begin a task in a process of its own; returns its number."""
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 0
    try:
        torch.set_num_threads(1)
        task()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        code = 99
    os._exit(code)


def killed(child: int, kind: signal.Signals, until: float) -> int | None:
    """Wait for a process, and kill it at that time: its exit code, or None if it was killed."""
    ended = 0
    while not ended and time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.005)
    if not ended:
        os.kill(child, kind)
        os.waitpid(child, 0)
        return None
    return os.waitstatus_to_exitcode(status)


def broken(run: Path) -> list[str]:
    """Files under their real names that are not whole."""
    found = []
    for path in run.rglob("*"):
        if not path.is_file() or path.name.startswith("."):
            continue
        try:
            if path.suffix == ".ckpt":
                torch.load(path, weights_only=True)
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".csv":
                rows = len(pd.read_csv(path))
                assert rows or path.name == "near_duplicates.csv", "no row"
            elif path.suffix == ".html":
                assert path.read_text().rstrip().endswith("</html>")
            elif path.suffix == ".yaml" and path.parent == run:
                assert path.read_text().endswith("\n")
        except Exception as error:
            found.append(f"{path}: {error}")
    return found


class Tried:
    """Kills so far, by phase and signal, and what was lost."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.kills: Counter[str] = Counter()
        self.lost: list[str] = []

    def kill(self, phase: str, child: int, longest: float) -> int | None:
        """Kill a process at a random moment within so many seconds, unless it ends before."""
        kind = self.chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
        code = killed(child, kind, time.monotonic() + self.chance.uniform(0.05, longest))
        if code is None:
            self.kills[f"{phase} {kind.name}"] += 1
        elif code:
            self.lost.append(f"{phase}: process {child} ended with {code}")
        return code


def same(run: Path, unbroken: Path, names: tuple[str, ...]) -> list[str]:
    """Files that are not what the unbroken run left."""
    differing = [name for name in names if (run / name).read_bytes() != (unbroken / name).read_bytes()]
    return [f"{run / name}: not what the unbroken run left" for name in differing]


def train_chain(folder: Path, manifest: Path, unbroken: Path, tried: Tried, longest: float) -> None:
    """One run from its start to its end, killed on the way: from the first decoded image to the report."""
    folder.mkdir()
    run, number = folder / "run0", 0
    while not (run / "finished.json").exists() and not tried.lost:
        resumable = (run / "checkpoints" / "last.ckpt").exists() and (run / "config.yaml").exists()
        if not resumable and (run / "checkpoints").exists():
            number += 1  # killed before anything was saved: the folder is taken, nothing is lost
            run = folder / f"run{number}"
        words = [f"train.resume={run}"] if resumable else options(folder, manifest)
        words += [] if resumable else [f"hydra.run.dir={run}"]
        child = start(functools.partial(command, "train", *words, outputs=folder), folder)
        tried.kill("train", child, longest)
        tried.lost += broken(run)
    tried.lost += (
        [] if tried.lost else same(run, unbroken, ("predictions.csv", "metrics.json", "history.csv"))
    )


def predict_chain(folder: Path, words: list[str], unbroken: Path, tried: Tried, longest: float) -> None:
    """Predictions into one folder, killed until they are there."""
    folder.mkdir()
    code: int | None = None
    while code is None and not tried.lost:
        task = functools.partial(command, "predict", *words, f"out={folder / 'out'}", outputs=folder)
        code = tried.kill("predict", start(task, folder), longest)
        tried.lost += broken(folder / "out")
    tried.lost += [] if tried.lost else same(folder / "out", unbroken, ("images.csv", "patients.csv"))


def cache_pair(folder: Path, manifest: Path, tried: Tried, longest: float) -> None:
    """Two processes make one cache at once, and one of them is killed: the other has it whole."""
    folder.mkdir()
    cohort = from_manifest(manifest, list(GRADES))
    task = functools.partial(decoded_images, cohort, 320, folder / "cache")
    first, second = start(task, folder), start(task, folder)
    tried.kill("cache", first, longest)
    if code := killed(second, signal.SIGKILL, time.monotonic() + 60):
        tried.lost.append(f"{folder}: the other process ended with {code}")
    elif not (folder / "cache").is_dir():
        tried.lost.append(f"{folder}: nothing was made")
    array = decoded_images(cohort, 320, folder / "cache")
    if not np.array_equal(array, decoded_images(cohort, 320, manifest.parent / "cache")):
        tried.lost.append(f"{folder}: other pixels")
    if left := [path.name for path in (folder / "cache").glob("*.part")]:
        tried.lost.append(f"{folder}: {left} left")


def timed(task: Callable[[], object], folder: Path) -> float:
    """Seconds that a task takes where nobody kills it."""
    folder.mkdir(exist_ok=True)
    began = time.monotonic()
    assert killed(start(task, folder), signal.SIGKILL, began + 600) == 0, f"{folder}/log.txt"
    return time.monotonic() - began


def main(folder: Path, least: int, seed: int) -> dict:
    """Training, prediction and caches, until so many kills were tried."""
    tried = Tried(random.Random(seed))
    manifest = write_cohort(folder / "cohort")
    import livergrade.inference.grader
    import livergrade.training.task
    import livergrade.training.trainer  # noqa: F401 - imported once, before the forks

    whole = folder / "unbroken"
    run, graded = whole / "run0", whole / "graded"
    words = [*options(whole, manifest), f"hydra.run.dir={run}"]
    training = timed(functools.partial(command, "train", *words, outputs=whole), whole)
    words = [f"run={run}", str(manifest), "accelerator=cpu"]
    grading = timed(functools.partial(command, "predict", *words, f"out={graded}", outputs=whole), whole)
    decoding = timed(
        functools.partial(
            decoded_images, from_manifest(manifest, list(GRADES)), 320, manifest.parent / "cache"
        ),
        whole,
    )
    number = 0
    while tried.kills.total() < least and not tried.lost:
        number += 1
        train_chain(folder / f"train{number}", manifest, run, tried, training)
        for again in range(2):
            predict_chain(folder / f"predict{number}_{again}", words, graded, tried, grading)
        for again in range(4):
            cache_pair(folder / f"cache{number}_{again}", manifest, tried, decoding)
    total = tried.kills.total()
    return {
        "tried": total,
        "survived": total - len(tried.lost),
        "lost": tried.lost,
        "kills": dict(sorted(tried.kills.items())),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
