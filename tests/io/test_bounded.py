import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.bounded import TimeLimitError, run_bounded


class OwnError(Exception):
    pass


def add(first: int, second: int) -> int:
    sys.stdout.write("not an answer")
    return first + second


def refuse(kind: str) -> None:
    errors = {"user": UserError, "value": ValueError, "own": OwnError, "other": subprocess.SubprocessError}
    raise errors[kind]("row 2: é")


def end() -> None:
    os._exit(3)


def backtrack() -> None:
    """A call that holds Python's lock for hours."""
    import re

    re.match(r"(a+)+$", "a" * 40 + "b")


def fill(size: int) -> int:
    return len(bytes(size))


def pid_then_backtrack(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    backtrack()


def test_a_result_comes_back_and_the_main_program_is_not_run_again() -> None:
    assert run_bounded(add, 2, 40, seconds=10) == 42


@pytest.mark.parametrize(
    ("kind", "error"),
    [("user", UserError), ("value", ValueError), ("own", OwnError), ("other", RuntimeError)],
)
def test_what_the_function_raises_is_raised(kind: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="row 2: é"):
        run_bounded(refuse, kind, seconds=10)


def test_a_call_that_nothing_interrupts_is_ended_in_time() -> None:
    begun = time.monotonic()
    with pytest.raises(TimeLimitError, match=r"more than 0\.2 s"):
        run_bounded(backtrack, seconds=0.2)
    assert time.monotonic() - begun < 5


def test_a_process_that_dies_is_an_error() -> None:
    with pytest.raises(TimeLimitError):
        run_bounded(end, seconds=10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_memory_is_limited() -> None:
    assert run_bounded(fill, 10**7, seconds=10, memory=10**8) == 10**7
    with pytest.raises(TimeLimitError, match=r"more than 0\.1 GB"):
        run_bounded(fill, 10**9, seconds=10, memory=10**8)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_is_heard_at_once_and_the_process_ends_with_its_parent(tmp_path: Path, number: int) -> None:
    code = (
        "import sys; from livergrade.io.bounded import run_bounded; "
        "from tests.io.test_bounded import pid_then_backtrack as f; run_bounded(f, sys.argv[1], seconds=60)"
    )
    file = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", code, str(file)], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not (file.exists() and file.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    child = int(file.read_text())
    assert runs(child)
    parent.send_signal(number)
    assert parent.wait(5) != 0
    until = time.monotonic() + 2
    while runs(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not runs(child)
