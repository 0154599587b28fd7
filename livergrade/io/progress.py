"""Progress bars, which a program that calls the functions may have where somebody sees them alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tqdm import tqdm as _tqdm

_hidden: ContextVar[bool] = ContextVar("_hidden", default=False)

if TYPE_CHECKING:
    from tqdm import tqdm as tqdm
else:

    class tqdm(_tqdm):  # noqa: N801 - it stands where tqdm's own would
        """A progress bar of tqdm, which is not shown where bars are hidden."""

        def __init__(self, *given: Any, disable: bool = False, **named: Any) -> None:  # noqa: ANN401
            super().__init__(*given, disable=disable or _hidden.get(), **named)


@contextmanager
def bars_where_seen(*, shown: bool = True) -> Iterator[None]:
    """Hide the progress bars of the block, unless standard error is a terminal or this is a notebook.

    Args:
        shown: False hides them in any case.
    """
    seen = shown and (sys.stderr.isatty() or "ipykernel" in sys.modules)
    before = _hidden.set(not seen)
    try:
        yield
    finally:
        _hidden.reset(before)
