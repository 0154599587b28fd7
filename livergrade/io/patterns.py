"""Search names with a regular expression that somebody else may have written."""

from __future__ import annotations

import re
from collections.abc import Sequence

SECONDS = 4.0
"""Time for all searches of a pattern. Some patterns take longer than the universe is old: ``(a+)+$``."""


def search_group(pattern: str, group: str, texts: Sequence[str]) -> tuple[list[str], str]:
    """What a named group of the pattern is in each text.

    Run it in a process with a time limit: neither compiling nor searching can be interrupted.

    Returns:
        The group in each text, empty where there is none; and why the pattern can't be used, if so.
    """
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        return [], f"not a regular expression: {error}"
    if group not in compiled.groupindex:
        return [], f"has no group named {group}"
    return [(match[group] or "") if (match := compiled.search(text)) else "" for text in texts], ""
