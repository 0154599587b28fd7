"""A number with its noun: ``1 slide``, ``2 slides``."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """The number and the noun, with an s for any number but 1.

    Args:
        number: how many.
        noun: the singular, of which the plural takes an s.
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"
