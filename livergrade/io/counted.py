"""A number with its noun: ``1 slide``, ``2 slides``."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """The number and the noun, in the plural for any number but 1.

    Args:
        number: how many.
        noun: the singular.
        plural: the plural; empty: with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
