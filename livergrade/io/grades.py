"""What grades may be called, since they are columns of tables and words of figures; and what is no grade."""

from collections.abc import Sequence

from livergrade.io.visible import shown

MOST, LONGEST = 100, 100

UNSURE = "unsure"
UNLIKE = "unlike training"
WITHHELD = (UNSURE, UNLIKE)
"""Answers that are no grade. No grade may have such a name."""


def too_many_grades(classes: Sequence[str]) -> list[str]:
    """Why these can't all be grades; empty if they can."""
    if len(classes) <= MOST and all(len(name) <= LONGEST for name in classes):
        return []
    return [f"{shown(list(classes), 60)}: at most {MOST} grades, with names of at most {LONGEST} characters"]
