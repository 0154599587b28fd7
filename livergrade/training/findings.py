"""What a check says: its level, the result and what to do."""

from __future__ import annotations

from dataclasses import dataclass

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        level: ``PASS``, ``WARN`` or ``FAIL``.
        what: the item that was checked.
        message: the result.
        fix: what to do; empty if nothing is needed.
    """

    level: str
    what: str
    message: str
    fix: str = ""


def warn_if(problem: object, what: str, message: str, fix: str) -> Finding:
    """Return a warning with its fix if ``problem`` is truthy, else a pass."""
    return Finding(WARN, what, message, fix) if problem else Finding(PASS, what, message)


def join_some(lines: list[str], most: int = 5) -> str:
    """The first of the lines in one, and how many more there are."""
    return "; ".join(lines[:most]) + (f"; and {len(lines) - most} more" if len(lines) > most else "")
