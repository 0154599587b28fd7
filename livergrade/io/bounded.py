"""Run a function on a stranger's data in a process of its own, which is ended at a time or memory limit."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from livergrade.errors import UserError
from livergrade.io.memory import memory_limit

START_SECONDS = 60.0
"""Time for the process to start and to import the function, before its own time begins."""

# The parent's search path, so that the function is found; -I leaves out the folder the command is run in.
_START = "import sys; sys.path[:] = sys.argv[1:]; from livergrade.io.bounded import _serve; _serve()"


class TimeLimitError(Exception):
    """The function took more time or memory than it may; the message says which."""


def run_bounded(
    function: Callable[..., Any], *arguments: object, seconds: float, memory: int | None = None
) -> Any:  # noqa: ANN401 - whatever the function returns
    """Return ``function(*arguments)``, run in a process of its own.

    For work whose time depends on what a stranger wrote and which can't be interrupted: a regular expression,
    the repair of an outline. Ctrl-C and SIGTERM are heard while it runs, and it ends with this process.

    Args:
        function: a function at the top level of a module; the main program is not run again.
        arguments: plain values: text, bytes, numbers, None, and lists, tuples and dicts of them. They and the
            result travel as MessagePack, never as pickles; a tuple arrives as a list.
        seconds: time limit, without the start of the process.
        memory: bytes that the function may take; None for no limit. Only held on Linux.

    Raises:
        TimeLimitError: it took more time or memory than it may.
        Exception: what the function raised, if it is a built-in exception, a `UserError` or of the function's
            module; else a RuntimeError with its text.
    """
    task = msgspec.msgpack.encode((function.__module__, function.__qualname__, arguments, seconds, memory))
    process = subprocess.Popen(  # noqa: S603 - this interpreter with our own words
        [sys.executable, "-I", "-c", _START, *filter(None, sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    # The process ends itself in time; this is for systems where it can't.
    backstop = threading.Timer(START_SECONDS + seconds + 1, process.kill)
    backstop.daemon = True
    backstop.start()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError):  # it died, which its answer tells
            process.stdin.write(len(task).to_bytes(8, "big") + task)
            process.stdin.flush()  # and stays open: the process ends when it is closed
        answer = process.stdout.read()
    finally:
        process.kill()
        process.wait()
        backstop.cancel()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    return _result(answer, function.__module__, seconds, memory)


def _result(answer: bytes, module: str, seconds: float, memory: int | None) -> Any:  # noqa: ANN401
    """The result in the process's answer, or the exception that it names."""
    try:
        state, *values = msgspec.msgpack.decode(answer)
    except (msgspec.DecodeError, ValueError):
        # SIGALRM's end and the kernel's, when memory runs out, leave no answer.
        state, values = "ended", []
    if state == "result":
        return values[0]
    if state == "error":
        home, name, text = values
        known = {"builtins", UserError.__module__, module}
        kind = getattr(importlib.import_module(home), name, None) if home in known else None
        if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, MemoryError):
            raise kind(text)
        if kind is not MemoryError:
            raise RuntimeError(f"{name}: {text}")
        raise TimeLimitError(f"took more than {(memory or 0) / 1e9:.1f} GB of memory")
    raise TimeLimitError(f"took more than {seconds:g} s, or more memory than there is")


def _serve() -> None:
    """Run the task that comes on the standard input, and write the answer to the standard output."""
    _end_after(START_SECONDS)
    answers = os.dup(1)
    os.dup2(2, 1)  # what the function prints is no answer
    size = int.from_bytes(sys.stdin.buffer.read(8), "big")
    module, name, arguments, seconds, memory = msgspec.msgpack.decode(sys.stdin.buffer.read(size))
    _end_with_the_parent()
    try:
        function = getattr(importlib.import_module(module), name)
        _end_after(seconds)
        with memory_limit(memory) if memory else contextlib.nullcontext():
            answer: tuple[object, ...] = ("result", function(*arguments))
        encoded = msgspec.msgpack.encode(answer)
    except Exception as error:
        answer = ("error", type(error).__module__, type(error).__qualname__, str(error))
        encoded = msgspec.msgpack.encode(answer)
    with os.fdopen(answers, "wb") as stream:
        stream.write(encoded)


def _end_after(seconds: float) -> None:
    """Have this process ended then, even in the middle of a library's call; not on Windows."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _end_with_the_parent() -> None:
    """On Linux, have this process ended when its standard input is closed, which a dead parent does.

    The signal's own action ends it: a handler or a thread would wait for the call that is under way.
    """
    if sys.platform != "linux":
        return
    import fcntl
    import select

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:  # closed before that
        raise SystemExit(1)
