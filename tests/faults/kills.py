"""Kill runs at random moments, look at what they leave, go on, and hold the end against an unbroken run.

Run as a program of its own: it forks, which a process whose threads are at work had better not.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import torch

from tests.conftest import command, write_cohort

MODEL = ("model=timm", "model.backbone=test_resnet")  # half a million weights: a run of seconds


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
        *MODEL,
    ]


def start(words: list[str], folder: Path) -> int:
    """Begin a command in a process of its own; returns its number."""
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
        command("train", *words, outputs=folder)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        code = 99
    os._exit(code)


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
                assert len(pd.read_csv(path))
            elif path.suffix == ".html":
                assert path.read_text().rstrip().endswith("</html>")
            elif path.suffix == ".yaml" and path.parent == run:
                assert path.read_text().endswith("\n")
        except Exception as error:
            found.append(f"{path}: {error}")
    return found


def chain(folder: Path, manifest: Path, unbroken: Path | None, chance: random.Random, longest: float) -> dict:
    """One run from its start to its end, killed on the way; ``unbroken`` None: not killed at all."""
    folder.mkdir()
    told = {"lost": [], "signals": Counter()}
    run, number = folder / "run0", 0
    while not (run / "finished.json").exists():
        resumable = (run / "checkpoints" / "last.ckpt").exists() and (run / "config.yaml").exists()
        if not resumable and (run / "checkpoints").exists():
            number += 1  # killed before anything was saved: the folder is taken, nothing is lost
            run = folder / f"run{number}"
        words = [f"train.resume={run}"] if resumable else options(folder, manifest)
        child = start([*words, *([] if resumable else [f"hydra.run.dir={run}"])], folder)
        kind = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
        until, ended = time.monotonic() + chance.uniform(0.05, longest), 0
        while not ended and (unbroken is None or time.monotonic() < until):
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.005)
        if not ended:
            os.kill(child, kind)
            _, status = os.waitpid(child, 0)
            told["signals"][kind.name] += 1
        elif os.waitstatus_to_exitcode(status):
            told["lost"].append(
                f"{run}: ended with {os.waitstatus_to_exitcode(status)}, see {folder}/log.txt"
            )
            return told
        told["lost"] += broken(run)
    if unbroken:
        for name in ("predictions.csv", "metrics.json", "history.csv"):
            if (run / name).read_bytes() != (unbroken / name).read_bytes():
                told["lost"].append(f"{run / name}: not what the unbroken run left")
    return told


def main(folder: Path, least: int, seed: int) -> dict:
    """Chains until so many kills were tried."""
    chance = random.Random(seed)
    manifest = write_cohort(folder / "cohort")
    import livergrade.task
    import livergrade.trainer  # noqa: F401 - imported once, before the forks

    began = time.monotonic()
    assert not chain(folder / "unbroken", manifest, None, chance, 0)["lost"], "the unbroken run failed"
    longest = time.monotonic() - began
    total = {"chains": 0, "lost": [], "signals": Counter(), "unbroken_s": round(longest, 1)}
    while total["signals"].total() < least:
        told = chain(
            folder / f"chain{total['chains']}", manifest, folder / "unbroken" / "run0", chance, longest
        )
        total["chains"] += 1
        total["lost"] += told["lost"]
        total["signals"] += told["signals"]
    tried = total["signals"].total()
    return total | {"tried": tried, "survived": tried - len(total["lost"])}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
