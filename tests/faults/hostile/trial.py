"""Try one case in a process of its own, and say what came of it."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.conftest import command
from tests.faults.hostile.case import Case, Place
from tests.faults.hostile.watch import contents, watch

SECONDS = 120.0
"""After which a case counts as one that never ends."""
MEMORY = 3e9
"""Bytes that a command may take beyond what its packages take."""
OWN = {"evaluate": "evaluations", "export": "export"}
"""Folders that commands make in the run's folder, unless told otherwise."""
HEARD = 5.0
"""Seconds within which SIGTERM must end a command."""


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
        stop_after: seconds after which SIGTERM is sent; the command must then end within :data:`HEARD`.
    """
    place = _prepare_place(given, folder)
    words = case.prepare(place)
    before = contents(place.bait)
    said, breaches = folder / "said.txt", folder / "breaches.txt"
    started = time.monotonic()
    child = os.fork()
    if not child:
        _run(case, place, words, said, breaches)
    status, usage, heard = _wait(child, started, stop_after)
    seconds = time.monotonic() - started
    memory = usage.ru_maxrss * 1024.0 - float((folder / "resident.txt").read_text() or 0)
    wrong = _wrong(case, place, status, said.read_text("utf-8", "replace"), before)
    if breaches.is_file():
        changes = list(dict.fromkeys(breaches.read_text("utf-8", "replace").splitlines()))
        wrong[:0] = [*changes[:MOST], f"and {len(changes) - MOST} more"] if len(changes) > MOST else changes
    if stop_after is not None:
        wrong = [each for each in wrong if "outside" in each] + ([] if heard else ["SIGTERM was not heard"])
    elif memory > MEMORY:
        wrong.append(f"took {memory / 1e9:.1f} GB")
    kind = "breached" if wrong else "right" if case.refused is None else "refused"
    return Outcome(case, kind, "; ".join(wrong), seconds, memory)


def _prepare_place(given: Place, folder: Path) -> Place:
    """Make the folders of one case: a copy of the run, and files of somebody else."""
    bait = folder / "somebody"
    (bait / "checkpoints").mkdir(parents=True)
    (folder / "input").mkdir()
    (folder / "temporary").mkdir()
    for name in (".bashrc", "thesis.txt", "features.npy", "checkpoints/best.ckpt", ".notes.1.part"):
        (bait / name).write_bytes(b"mine: " + name.encode())
    run = Path(shutil.copytree(given.run, folder / "run", symlinks=True))
    return replace(given, folder=folder / "input", run=run, bait=bait, out=folder / "out")


def _run(case: Case, place: Place, words: list[str], said: Path, breaches: Path) -> None:
    """In the fork: everything that is printed goes to a file, every change elsewhere to another."""
    root = place.out.parent
    status = 70
    (root / "resident.txt").write_text(str(_resident()))
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with said.open("wb", buffering=0) as file:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
        sys.stdout = os.fdopen(1, "w", buffering=1, errors="backslashreplace", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
        os.environ |= {"TMPDIR": str(root / "temporary"), "LIVERGRADE_CACHE": str(root / "cache")}
        os.environ |= {"XDG_RUNTIME_DIR": str(root / "temporary"), **dict(case.environment)}
        tempfile.tempdir = None
        os.chdir(root / "temporary")
        log = os.open(breaches.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def breach(what: str) -> None:
            if not breaches.exists():
                os.rename(breaches.with_suffix(".log"), breaches)
            os.write(log, f"outside: {what}\n".encode("utf-8", "replace"))

        places = [place.out, root / "cache", root / "temporary", breaches, breaches.with_suffix(".log")]
        places += [place.run if case.into_run else place.run / OWN.get(case.command, "evaluations")]
        watch([*places, Path("/dev/null"), Path("/dev/shm")], breach)
        command(case.command, *words, outputs=place.out)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 71
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _wait(child: int, started: float, stop_after: float | None) -> tuple[int, resource.struct_rusage, bool]:
    """Wait for the fork; returns its exit status, what it used, and whether it ended after SIGTERM."""
    told, heard = None, True
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), usage, heard
        now = time.monotonic()
        if stop_after is not None and told is None and now - started > stop_after:
            os.kill(child, signal.SIGTERM)
            told = now
        if (told is not None and now - told > HEARD) or now - started > SECONDS:
            heard = False
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


def _wrong(case: Case, place: Place, status: int, said: str, before: dict[str, object]) -> list[str]:
    """What is wrong with how the command ended."""
    wrong = []
    after = contents(place.bait)
    if touched := sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    ):
        wrong.append(f"outside: touched {', '.join(touched)}")
    if "Traceback" in said:
        wrong.append("a traceback: " + said.strip().splitlines()[-1][:200])
    if "\x1b" in said.replace("\x1b[A", "") or "\x07" in said:  # tqdm moves up a line
        wrong.append("control characters on the terminal")
    if case.refused is None:
        if status:
            wrong.append(f"ended with {status}: {said.strip()[-300:]}")
        elif case.check:
            try:
                case.check(place)
            except AssertionError as error:
                wrong.append(f"wrong: {error}")
        return wrong
    if status != 1:
        wrong.append(f"ended with {status} instead of 1: {said.strip()[-200:]}")
    message = next((line for line in _messages(said) if re.search(case.refused, line)), None)
    if message is None:
        wrong.append(f"no line says {case.refused!r}: {said.strip()[-300:]}")
    elif len(message) > 1500:
        wrong.append(f"a message of {len(message)} characters")
    return wrong


def _messages(said: str) -> Iterator[str]:
    for line in re.split(r"[\n\r]", said):
        if line.strip():
            yield line


def _resident() -> float:
    """Bytes of this process in memory, which its forks start with."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
