"""Tissue that two regions give two grades."""

import numpy as np
import pytest
import shapely

from livergrade.slides import grade_overlap
from livergrade.slides.grade_overlap import MOST_NAMED, overlap_told, overlapping
from livergrade.slides.region_grades import GradedRegion
from livergrade.slides.regions import Region


def region(number: int, grade: str | None, *corners: float) -> GradedRegion:
    return GradedRegion(Region(f"R{number:02d}", grade or "", shapely.box(*corners)), grade, "region")


def rows(*boxes: tuple[str, tuple[int, int, int, int]]) -> list[int]:
    return overlapping([shapely.to_wkb(shapely.box(*box)) for _, box in boxes], [grade for grade, _ in boxes])


def test_only_regions_of_two_grades_that_share_more_than_a_border_overlap() -> None:
    poor = ("poor", (0, 0, 100, 100))
    assert rows(poor, ("well", (50, 50, 150, 150))) == [0, 1]
    assert rows(poor, ("well", (20, 20, 60, 60))) == [0, 1]  # one lies in the other
    assert rows(poor, ("well", (99, 0, 200, 100))) == []  # neighbours, drawn to the pixel
    assert rows(poor, ("well", (200, 0, 300, 100))) == []
    assert rows(poor, ("poor", (50, 50, 150, 150))) == []
    chain = (poor, ("well", (50, 0, 150, 100)), ("moderate", (140, 0, 240, 100)))
    assert rows(*chain, ("well", (500, 0, 600, 100))) == [0, 1, 2]


def test_overlaps_are_counted_and_named_on_one_line() -> None:
    told = overlap_told([region(1, "poor", 0, 0, 9, 9), region(2, "well", 3, 3, 12, 12)])
    assert told.startswith(
        "2 regions overlap regions of another grade, so the same tissue is cut with both grades: "
        "R01 (poor), R02 (well); draw them apart"
    )
    many = [region(n, ("poor", "well")[n % 2], 0, 0, 9, 9) for n in range(MOST_NAMED + 4)]
    assert "(well) and 4 more; draw" in overlap_told(many)
    for none in ([], [region(1, "poor", 0, 0, 9, 9), region(2, None, 3, 3, 12, 12)]):
        assert overlap_told(none) == ""


def test_outlines_that_cross_without_end_are_met_in_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grade_overlap, "SECONDS", 0.3)
    teeth = np.arange(6000)
    edge = np.column_stack([np.where(teeth % 2, 0.0, 9e4), teeth * 10.0])
    comb = shapely.Polygon([*edge, (-10.0, 6e4), (-10.0, 0.0)])
    combs = [comb, shapely.transform(comb, lambda corners: corners[:, ::-1])]
    graded = [
        GradedRegion(Region(f"R{n}", grade, area), grade, "region")
        for n, (grade, area) in enumerate(zip(("poor", "well"), combs, strict=True))
    ]
    assert overlap_told(graded).startswith("whether regions of different grades overlap is not known (")
