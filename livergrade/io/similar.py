"""What was meant by a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def similar(name: str, names: Iterable[str]) -> str:
    """List the names that exist, and first of all the one that was meant, if one is similar.

    Args:
        name: as it was typed.
        names: all that exist.
    """
    names = list(dict.fromkeys(names))
    asked = meant(name, names)
    return (f"{asked}one of: " if asked else "must be one of ") + ", ".join(names)


def meant(name: str, names: Iterable[str]) -> str:
    """Ask whether the most similar of the names was meant; empty if none is similar.

    Args:
        name: as it was typed; small and capital letters count as the same.
        names: all that exist.
    """
    lower = {known.lower(): known for known in names}
    like = difflib.get_close_matches(name.lower(), lower, 1)
    return f"did you mean {lower[like[0]]}? " if like else ""
