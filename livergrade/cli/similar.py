"""What was meant by a name that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def similar(name: str, names: Sequence[str]) -> str:
    """Say which names there are, and first of all the one that was meant, if one is similar.

    Args:
        name: as it was typed.
        names: all that there are.
    """
    like = difflib.get_close_matches(name, names, 1)
    return (f"did you mean {like[0]}? one of: " if like else "must be one of ") + ", ".join(names)
