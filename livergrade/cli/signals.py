"""Ctrl-C and SIGTERM end a command wherever it is, in the code of a destructor too."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

AGAIN = 0.05
"""Seconds until a signal that was not heard is sent again."""


@contextlib.contextmanager
def heard_signals() -> Iterator[None]:
    """Have SIGTERM end the block like Ctrl-C, so that a run prints how to resume and a sweep what is left.

    Python calls a signal's handler between any two steps. In a destructor, or where a weak reference is
    removed, it then drops the exception that the handler raised and goes on: the signal is sent again.
    """
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGTERM, _on_sigterm)
    before, waiting = sys.unraisablehook, list[threading.Timer]()

    def not_heard(lost: sys.UnraisableHookArgs) -> None:
        if not isinstance(lost.exc_value, SystemExit | KeyboardInterrupt):
            before(lost)
            return
        number = signal.SIGINT if isinstance(lost.exc_value, KeyboardInterrupt) else signal.SIGTERM
        again = threading.Timer(AGAIN, os.kill, (os.getpid(), number))  # not here: it would be lost as well
        again.daemon = True
        waiting.append(again)
        again.start()

    sys.unraisablehook = not_heard
    try:
        yield
    finally:
        sys.unraisablehook = before
        for again in waiting:  # what runs next in this process was not asked to stop
            again.cancel()


def _on_sigterm(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
