"""Signals end a command, wherever Python is when they come."""

import os
import signal
import sys
import time

import pytest

from livergrade.cli.signals import AGAIN, heard_signals


class Slow:
    """Its destructor is under way when the signal comes."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_signal_in_a_destructor_is_heard(
    number: int, kind: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    try:
        with pytest.raises(kind), heard_signals():
            slow = Slow(number)
            del slow
            time.sleep(5)
            pytest.fail("the signal was not heard")
    finally:
        signal.signal(signal.SIGTERM, before[0])
    assert sys.unraisablehook == before[1]
    assert "Traceback" not in capsys.readouterr().err


def test_a_signal_that_was_not_heard_does_not_reach_what_runs_next() -> None:
    from types import SimpleNamespace

    before = signal.getsignal(signal.SIGTERM)
    told: list[int] = []
    try:
        with heard_signals():
            lost = SimpleNamespace(exc_value=SystemExit(143))
            sys.unraisablehook(lost)  # type: ignore[arg-type]
        signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
        time.sleep(3 * AGAIN)
        assert told == []
    finally:
        signal.signal(signal.SIGTERM, before)
