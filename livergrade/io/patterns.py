"""Search names with a regular expression that somebody else may have written."""

from __future__ import annotations

import re
from collections.abc import Sequence

SECONDS = 3.0
"""Time for all searches of a pattern. Some patterns take longer than the universe is old: ``(a+)+$``."""


def search_group(pattern: str, group: str, texts: Sequence[str]) -> list[str]:
    """What a named group of the pattern is in each text, empty where it is not found.

    Run it in a process with a time limit, :func:`livergrade.io.bounded.run_bounded`: a search can't be
    interrupted.
    """
    compiled = re.compile(pattern)
    return [(match[group] or "") if (match := compiled.search(text)) else "" for text in texts]
