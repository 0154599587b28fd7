"""How many grades there may be, and how long their names: they are columns of tables and words of figures."""

from collections.abc import Sequence

from livergrade.io.visible import shown

MOST, LONGEST = 100, 100


def too_many_grades(classes: Sequence[str]) -> list[str]:
    """Why these can't all be grades; empty if they can."""
    if len(classes) <= MOST and all(len(name) <= LONGEST for name in classes):
        return []
    return [f"{shown(list(classes), 60)}: at most {MOST} grades, with names of at most {LONGEST} characters"]
