"""Try one case in a process of its own, and say what came of it."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from livergrade.errors import UserError
from livergrade.runs.finished import NAME, mark_finished, read_finished
from tests.faults.hostile.case import Case, Place
from tests.faults.hostile.fork import Ended, run_forked
from tests.faults.hostile.watch import contents

MEMORY = 3e9
"""Bytes that a command may take beyond what its packages take."""
OWN = {"evaluate": "evaluations", "export": "export"}
"""Folders that commands make in the run's folder, unless told otherwise."""
OUTPUTS = ("out", "study", "train.resume", "data.cache_dir", "hydra.run.dir", "hydra.sweep.dir")
"""Options that name a folder to write in."""
MOST = 4  # changes outside that are listed


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Attributes:
        case: the case.
        kind: ``refused`` in one line, read ``right``, or ``breached``.
        why: of a breach, what was wrong.
        seconds: how long it took.
        memory: bytes of memory at its peak, beyond those at its start.
    """

    case: Case
    kind: str
    why: str
    seconds: float
    memory: float


def attempt(case: Case, given: Place, folder: Path, *, stop_after: float | None = None) -> Outcome:
    """Run the case's command in a fork of this process, in which nothing was computed yet.

    Args:
        case: what to try.
        given: run, manifest and slide, which are copied or only read.
        folder: of this case alone, empty.
        stop_after: seconds after which SIGTERM is sent; the command must then end in time.
    """
    place = make_place(given, folder)
    words = case.prepare(place)
    _sign(place)
    before = contents(place.bait)
    own = [place.run / OWN.get(case.command, "evaluations"), *named(words)]
    ended = run_forked(
        case.command, words, folder, own, environment=dict(case.environment), stop_after=stop_after
    )
    wrong = _listed(ended.changes) + touched(before, contents(place.bait))
    if not ended.heard:
        wrong.append("did not end" if stop_after is None else "SIGTERM was not heard")
    if stop_after is None:
        wrong += _wrong_words(ended)
        wrong += (
            _wrong_refusal(case, ended) if case.refused is not None else _wrong_result(case, place, ended)
        )
        if ended.memory > MEMORY:
            wrong.append(f"took {ended.memory / 1e9:.1f} GB")
    kind = "breached" if wrong else "right" if case.refused is None else "refused"
    return Outcome(case, kind, "; ".join(wrong), ended.seconds, ended.memory)


def named(words: list[str]) -> list[Path]:
    """The folders that the words of a command name to write in."""
    options = dict(word.split("=", 1) for word in words if "=" in word)
    return [Path(options[key].strip("'\"")) for key in OUTPUTS if options.get(key)]


def make_place(given: Place, folder: Path) -> Place:
    """Make the folders of one case: a copy of the run, and files of somebody else."""
    bait = folder / "somebody"
    (bait / "checkpoints").mkdir(parents=True)
    (folder / "input").mkdir()
    for name in (
        ".bashrc",
        "thesis.txt",
        "secret.png",
        "features.npy",
        "checkpoints/best.ckpt",
        ".notes.1.part",
    ):
        (bait / name).write_bytes(b"mine: " + name.encode())
    run = Path(shutil.copytree(given.run, folder / "run", symlinks=True))
    return replace(given, folder=folder / "input", run=run, bait=bait, out=folder / "out")


def _sign(place: Place) -> None:
    """Have the run's ``finished.json`` know the files as they are now: a stranger would see to that."""
    with contextlib.suppress(UserError, OSError):
        read_finished(place.run)
        mark_finished(place.run)
        if (kept := place.bait / "run" / NAME).is_file():
            shutil.copyfile(place.run / NAME, kept)


def touched(before: dict[str, object], after: dict[str, object]) -> list[str]:
    """What was changed, removed or added, in words."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [f"outside: touched {', '.join(names)}"] if names else []


def _listed(changes: list[str]) -> list[str]:
    return [*changes[:MOST], f"and {len(changes) - MOST} more"] if len(changes) > MOST else changes


def _wrong_words(ended: Ended) -> list[str]:
    """What must not be on anybody's terminal."""
    wrong = []
    if "Traceback" in ended.said:
        wrong.append("a traceback: " + ended.said.strip().splitlines()[-1][:200])
    if re.search(r"[\x07\x08\x9b]|\x1b(?!\[[AK])", ended.said):  # tqdm moves up and clears the line
        wrong.append("control characters on the terminal")
    return wrong


def _wrong_result(case: Case, place: Place, ended: Ended) -> list[str]:
    if ended.status:
        return [f"ended with {ended.status}: {ended.said.strip()[-300:]}"]
    if case.check:
        try:
            case.check(place)
        except AssertionError as error:
            return [f"wrong: {error}"]
    return []


def _wrong_refusal(case: Case, ended: Ended) -> list[str]:
    wrong = []
    if ended.status != 1:
        wrong.append(f"ended with {ended.status} instead of 1: {ended.said.strip()[-200:]}")
    message = next((line for line in _lines(ended.said) if re.search(case.refused or "", line)), None)
    if message is None:
        wrong.append(f"no line says {case.refused!r}: {ended.said.strip()[-300:]}")
    elif len(message) > 1500:
        wrong.append(f"a message of {len(message)} characters")
    return wrong


def _lines(said: str) -> Iterator[str]:
    return (line for line in re.split(r"[\n\r]", said) if line.strip())
