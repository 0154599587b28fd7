"""Progress bars are for terminals."""

import io
import sys
from collections.abc import Iterator

import pytest

from livergrade.io.bars import bar, bars_shown, show_bars


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _shown_again() -> Iterator[None]:
    yield
    show_bars(True)


@pytest.mark.parametrize(
    ("stream", "wanted", "hidden", "drawn"),
    [
        (Terminal, True, False, True),
        (Terminal, False, False, False),
        (Terminal, True, True, False),
        (io.StringIO, True, False, False),
    ],
)
def test_a_bar_is_drawn_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], wanted: bool, hidden: bool, drawn: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream())
    show_bars(wanted)
    assert list(bar([1, 2], "grading", hidden=hidden, file=sys.stderr)) == [1, 2]
    assert ("grading" in sys.stderr.getvalue()) is drawn  # type: ignore[attr-defined]


def test_the_bars_of_a_block_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with bars_shown(False):
        assert list(bar([1], "inside", file=sys.stderr)) == [1]
    assert list(bar([1], "after", file=sys.stderr)) == [1]
    drawn = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "after" in drawn
    assert "inside" not in drawn
