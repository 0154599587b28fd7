"""Run a command in a fork of this process, watched, and say how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import command
from tests.faults.hostile.watch import watch

SECONDS = 120.0
"""After which a command counts as one that never ends."""
HEARD = 5.0
"""Seconds within which SIGTERM must end a command."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: its exit status; negative if a signal killed it.
        said: all that it printed.
        changes: what it changed outside of the folders that it may write in.
        heard: whether it ended by itself, and in time after SIGTERM.
        seconds: how long it took.
        memory: bytes at its peak, beyond those at its start.
    """

    status: int
    said: str
    changes: list[str]
    heard: bool
    seconds: float
    memory: float


def run_forked(
    name: str,
    words: Sequence[str],
    root: Path,
    allowed: Sequence[Path],
    *,
    environment: Mapping[str, str] | None = None,
    stop_after: float | None = None,
    kill_after: float | None = None,
) -> Ended:
    """Run ``python -m livergrade.<name>``; nothing may have been computed in this process before.

    Args:
        name: of the command.
        words: its words.
        root: folder for its outputs ``out``, cache, temporary files, and what it says.
        allowed: folders that it may write in, besides these.
        environment: variables to set.
        stop_after: seconds until SIGTERM.
        kill_after: seconds until SIGKILL.
    """
    said, changes, resident = (root / f"{each}.txt" for each in ("said", "changes", "resident"))
    started = time.monotonic()
    child = os.fork()
    if not child:
        _run(name, words, root, allowed, environment or {})
    told, heard = None, True
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            break
        now = time.monotonic()
        if kill_after is not None and now - started > kill_after:
            os.kill(child, signal.SIGKILL)
        if stop_after is not None and told is None and now - started > stop_after:
            os.kill(child, signal.SIGTERM)
            told = now
        if (told is not None and now - told > HEARD) or now - started > SECONDS:
            heard = False
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)
    text = changes.read_text("utf-8", "replace") if changes.is_file() else ""
    return Ended(
        os.waitstatus_to_exitcode(status),
        said.read_text("utf-8", "replace") if said.is_file() else "",
        list(dict.fromkeys(text.splitlines())),
        heard,
        time.monotonic() - started,
        usage.ru_maxrss * 1024.0 - float(resident.read_text() or 0 if resident.is_file() else 0),
    )


def _run(
    name: str, words: Sequence[str], root: Path, allowed: Sequence[Path], environment: Mapping[str, str]
) -> None:
    """In the fork: what is printed goes to one file, changes elsewhere to another."""
    status = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        (root / "resident.txt").write_text(str(_resident()))
        with (root / "said.txt").open("wb", buffering=0) as file:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
        sys.stdout = os.fdopen(1, "w", buffering=1, errors="backslashreplace", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
        temporary = root / "temporary"
        temporary.mkdir(exist_ok=True)
        os.environ |= {"TMPDIR": str(temporary), "XDG_RUNTIME_DIR": str(temporary)}
        os.environ |= {"LIVERGRADE_CACHE": str(root / "cache"), **environment}
        tempfile.tempdir = None
        os.chdir(temporary)
        log = os.open(root / "changes.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        watch(
            [root / "out", root / "cache", temporary, *allowed, Path("/dev/null"), Path("/dev/shm")],
            lambda what: os.write(log, f"outside: {what}\n".encode("utf-8", "replace")) and None,
        )
        command(name, *words, outputs=root / "out")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:
        traceback.print_exc()
        status = 71
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _resident() -> float:
    """Bytes of this process in memory, which its forks start with."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
