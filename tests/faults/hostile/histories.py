"""Random histories: careless commands one after the other, some stopped or killed, beside others' files."""

from __future__ import annotations

import random
from pathlib import Path

from tests.conftest import TINY, small_options
from tests.faults.hostile.case import Place
from tests.faults.hostile.fork import run_forked
from tests.faults.hostile.trial import make_place, touched
from tests.faults.hostile.watch import contents

STEPS = 4


def run_history(given: Place, folder: Path, seed: int) -> tuple[list[str], list[str]]:
    """Run random commands whose outputs are named carelessly; returns them, and what they did to others.

    Where somebody's folder is named as the place for outputs or the cache, files may be added to it; what
    lay there stays. Elsewhere nothing is changed at all.
    """
    rng = random.Random(seed)
    place = make_place(given, folder)
    for name in ("notes.txt", "checkpoints/mine.ckpt", "figures/mine.png", ".mine.12.part"):
        (place.run / name).write_bytes(b"mine")
    theirs = {place.bait / name: value for name, value in contents(place.bait).items()}
    theirs |= {path: path.read_bytes() for path in place.run.rglob("*mine*") if path.is_file()}
    cohort = contents(place.manifest.parent)
    did, wrong = [], []
    for number in range(STEPS):
        name, words, allowed, environment = _step(rng, place, folder / f"out{number}")
        stop = rng.choice([None, None, rng.uniform(0.3, 5)])
        kill = rng.choice([None, None, rng.uniform(0.3, 5)]) if stop is None else None
        ended = run_forked(
            name, words, folder, allowed, environment=environment, stop_after=stop, kill_after=kill
        )
        did.append(f"{name} {' '.join(words)} (stop {stop}, kill {kill}) -> {ended.status}")
        wrong += [f"{name}: {each}" for each in ended.changes]
        wrong += [f"{name}: not heard"] if stop is not None and not ended.heard else []
        if "Traceback" in ended.said:
            wrong.append(f"{name}: a traceback: " + ended.said[ended.said.index("Traceback") - 200 :][:2000])
        lost = [path for path, value in theirs.items() if not _is_there(path, value, place.bait)]
        wrong += [f"{name}: touched {path}" for path in lost]
        wrong += [f"{name}: {each}" for each in touched(cohort, contents(place.manifest.parent))]
        if wrong:
            break
    return did, wrong


def _is_there(path: Path, content: object, folder: Path) -> bool:
    """Whether a file is as it was, or lies as it was where a job that starts again moved it."""
    places = [path]
    if path.is_relative_to(folder):
        places += [start / path.relative_to(folder) for start in folder.glob("earlier_start_*")]
    return any(place.exists() and (place.is_dir() or place.read_bytes() == content) for place in places)


def _step(rng: random.Random, place: Place, fresh: Path) -> tuple[str, list[str], list[Path], dict[str, str]]:
    """A command, its words, where it may write, and its environment."""
    empty = place.folder / "empty"
    empty.mkdir(exist_ok=True)
    out = rng.choice([fresh, fresh, place.bait, place.bait / "checkpoints", empty, place.run])
    image = str(next(place.manifest.parent.glob("*/*.png")))
    small = [*TINY, *small_options(place.manifest), "trainer.limit_batches=1"]
    cache = rng.choice([place.bait, empty, fresh])
    restarted = {"SLURM_RESTART_COUNT": "1"} if rng.random() < 0.5 else {}
    return rng.choice(
        [
            ("predict", [f"run={place.run}", image, "accelerator=cpu", f"out={out}"], [out], {}),
            ("predict", [f"run={place.run}", str(place.slide), "accelerator=cpu", f"out={out}"], [out], {}),
            ("train", [*small, f"hydra.run.dir={out}"], [out], restarted),
            ("train", [*small, f"hydra.run.dir={out}", "data.manifest=nowhere.csv"], [out], restarted),
            ("train", [*small, f"hydra.run.dir={fresh}", f"data.cache_dir={cache}"], [fresh, cache], {}),
            ("train", [*small, "-m", "seed=0,1", f"hydra.sweep.dir={out}"], [out], restarted),
            ("train", [f"train.resume={place.run}", "trainer.max_epochs=2"], [place.run], restarted),
            ("evaluate", [f"run={place.run}", "data=null"], [place.run / "evaluations"], {}),
            ("compare", [str(place.run), f"hydra.run.dir={out}"], [out], {}),
            ("explain", [f"run={place.run}", image, "accelerator=cpu", f"out={out}"], [out], {}),
            ("prepare", [str(place.slide), f"out={out}"], [out], {}),
        ]
    )
