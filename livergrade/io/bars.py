"""Progress bars: on terminals only, so that a pipe, a file or a cluster's log has whole lines alone."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

_wanted = True


def show_bars(wanted: bool) -> None:
    """Show bars from now on, or none: ``trainer.progress`` of the run that this process does."""
    global _wanted
    _wanted = wanted


@contextmanager
def bars_shown(wanted: bool) -> Iterator[None]:
    """Show the bars of a block, or none, and afterwards those that were shown before."""
    before = _wanted
    show_bars(wanted)
    try:
        yield
    finally:
        show_bars(before)


def bar(
    items: Iterable[Any] | None = None,
    text: str = "",
    total: int | None = None,
    *,
    hidden: bool = False,
    **options: Any,  # noqa: ANN401 - tqdm's own
) -> tqdm[Any]:
    """Return tqdm's bar; hidden, not wanted, or neither on a terminal nor in a notebook it draws nothing.

    Args:
        items: what is gone through; None: the bar is moved by ``update``.
        text: what is done; a name from a file goes through `livergrade.io.visible.one_line`.
        total: number of items; None: ``len(items)``.
        hidden: whether it stays away in any case.
        options: further ones of tqdm.
    """
    seen = sys.stderr.isatty() or "ipykernel" in sys.modules
    return tqdm(items, text, total, disable=hidden or not _wanted or not seen, **options)
