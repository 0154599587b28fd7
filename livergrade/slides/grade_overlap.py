"""Regions of different grades that overlap, so that the same tissue is cut with both grades."""

from __future__ import annotations

from collections.abc import Sequence

import shapely
from shapely.errors import ShapelyError

from livergrade.io.bounded import TimeLimitError, run_bounded
from livergrade.io.memory import memory_for_one_file
from livergrade.slides.outlines import QUICK_VERTICES, SECONDS
from livergrade.slides.region_grades import GradedRegion

BORDER = 2
"""Pixels of the slide: what is no wider is the common border of two neighbours, drawn to the pixel."""
MOST_NAMED = 20
"""Regions that a message names."""


def overlap_told(graded: Sequence[GradedRegion]) -> str:
    """Say which regions overlap others of another grade; empty if none does.

    Time and memory are limited where there are many vertices: outlines may cross each other without end.
    """
    used = [one for one in graded if one.grade]
    if len({one.grade for one in used}) < 2:
        return ""
    outlines, grades = [shapely.to_wkb(one.region.outline) for one in used], [str(one.grade) for one in used]
    if sum(shapely.get_num_coordinates(one.region.outline) for one in used) <= QUICK_VERTICES:
        rows = overlapping(outlines, grades)
    else:
        try:
            rows = run_bounded(overlapping, outlines, grades, seconds=SECONDS, memory=memory_for_one_file())
        except (TimeLimitError, ShapelyError, RuntimeError) as error:
            return f"whether regions of different grades overlap is not known ({error})"
    if not rows:
        return ""
    named = ", ".join(f"{used[row].region.title} ({used[row].grade})" for row in rows[:MOST_NAMED])
    more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    return (
        f"{len(rows)} regions overlap regions of another grade, so the same tissue is cut with both grades: "
        f"{named}{more}; draw them apart in QuPath, or give one of them the class Ignore*"
    )


def overlapping(outlines: list[bytes], grades: list[str]) -> list[int]:
    """Rows of the outlines that overlap one of another grade by more than a common border.

    Each grade is joined first and compared with the others: the time does not grow with pairs of regions.

    Args:
        outlines: well-known binary of areas.
        grades: the grade of each.
    """
    areas = [shapely.from_wkb(written) for written in outlines]
    joined = {
        grade: shapely.unary_union([area for area, own in zip(areas, grades, strict=True) if own == grade])
        for grade in sorted(set(grades))
    }
    found = []
    for grade in joined:
        others = shapely.unary_union([area for other, area in joined.items() if other != grade])
        shapely.prepare(others)
        rows = [row for row, own in enumerate(grades) if own == grade and others.intersects(areas[row])]
        found += [row for row in rows if not areas[row].intersection(others).buffer(-BORDER / 2).is_empty]
    return sorted(found)
