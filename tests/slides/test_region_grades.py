"""The grade of a region: its class, the table's, or what ``region_class`` says."""

from pathlib import Path

import pytest
import shapely

from livergrade.config.region_classes import region_rules
from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError
from livergrade.slides.region_grades import class_meaning, class_rows, grade_regions
from livergrade.slides.regions import Region

GRADES = ["poor", "moderate", "well"]
FILE = Path("a.geojson")


def regions(*kinds: str) -> list[Region]:
    return [Region(f"R{n:02d}", kind, shapely.box(0, 0, 9, 9), f"A{n}") for n, kind in enumerate(kinds, 1)]


@pytest.mark.parametrize(
    ("kind", "rules", "meaning"),
    [
        ("", None, ("table", "table")),
        ("proposed", None, ("table", "table")),
        ("proposed", "{proposed: skip}", ("skip", "region_class")),
        (" Poor", None, ("poor", "region")),
        ("ignore*", None, ("skip", "region")),
        ("Ignore*", "{Ignore*: table}", ("table", "region_class")),
        ("Tumor: poor", None, (None, "region_class")),
        ("Tumor: Poor", "last", ("poor", "region_class")),
        ("Tumor: poor", "first", (None, "region_class")),
        ("POOR : tumor", "{poor:Tumor: first}", ("poor", "region_class")),
        ("Tumor: necrosis", "{else: last}", (None, "region_class")),
        ("well", "{well: moderate, else: skip}", ("moderate", "region_class")),
        ("well", "skip", ("well", "region")),
        ("", "skip", ("table", "table")),
        ("Stroma", "skip", ("skip", "region_class")),
    ],
)
def test_what_a_class_means(kind: str, rules: str | None, meaning: tuple[str, str]) -> None:
    found = class_meaning(kind, GRADES, region_rules(rules))
    assert found[0] == meaning[0]
    assert meaning[0] is None or found == meaning


def test_grades_come_from_the_class_the_table_or_the_option() -> None:
    config = PrepareConfig(region_class="{Necrosis: skip, Tumor: table, 'Tumor: G1': well}")
    kinds = ("WELL", "", "Necrosis", "Tumor", "Tumor: G1", "Ignore*")
    graded = grade_regions(regions(*kinds), "well", config, FILE)
    assert [(one.grade, one.source) for one in graded] == [
        ("well", "region"),
        ("well", "table"),
        (None, "region_class"),
        ("well", "table"),
        ("well", "region_class"),
        (None, "region"),
    ]
    rows = class_rows([*graded, graded[0]])
    assert [tuple(row.values()) for row in rows] == [
        ("", 1, "well", "table"),
        ("Ignore*", 1, "", ""),
        ("Necrosis", 1, "", ""),
        ("Tumor", 1, "well", "table"),
        ("Tumor: G1", 1, "well", "region_class"),
        ("WELL", 2, "well", "region"),
    ]


def test_all_that_is_unclear_is_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        grade_regions(
            regions("Necrosis", "poor", "Stroma", "Necrosis", "well"), "well", PrepareConfig(), FILE
        )
    told = str(error.value).splitlines()
    assert told[0] == "a.geojson: the grade of its regions is unclear:"
    assert "R02 'A2' has class 'poor', so poor, but the table says well" in told[1]
    assert "class 'Necrosis' is not a grade (2 regions: R01, R04)" in told[2]
    assert "class 'Stroma' is not a grade (1 region: R03)" in told[3]
    assert '"region_class={Necrosis: skip, Stroma: skip}": a grade (poor, moderate, well), skip,' in told[4]
    assert len(told) == 5


def test_a_class_is_never_replaced_by_the_table_in_silence() -> None:
    with pytest.raises(UserError, match="set grade_conflict=region"):
        grade_regions(regions("T: poor"), "well", PrepareConfig(region_class="last"), FILE)
    config = PrepareConfig(grade_conflict="region")
    (one,) = grade_regions(regions("poor"), "well", config, FILE)
    assert (one.grade, one.source) == ("poor", "region")


@pytest.mark.parametrize("of_table", ["well", ""])
def test_a_name_that_is_another_grade_is_not_passed_over(of_table: str) -> None:
    region = Region("R01", "", shapely.box(0, 0, 9, 9), "Poor")
    with pytest.raises(UserError, match="R01 'Poor' has no class, but the name of the grade poor, and the"):
        grade_regions([region], of_table, PrepareConfig(grade_conflict="region"), FILE)
    assert grade_regions([region], "poor", PrepareConfig(), FILE)[0].source == "table"


def test_a_region_without_any_grade_is_told() -> None:
    with pytest.raises(UserError, match="R01 'A1' has no grade: it has no class and the table has none"):
        grade_regions(regions(""), "", PrepareConfig(), FILE)
    with pytest.raises(UserError, match="it has class 'S', which says none, and the table has none"):
        grade_regions(regions("S"), "", PrepareConfig(region_class="{S: table}"), FILE)
    (one,) = grade_regions(regions("poor"), "", PrepareConfig(), FILE)
    assert one.grade == "poor"


def test_a_property_that_is_another_grade_is_not_passed_over() -> None:
    """Other programs write a grade where nobody looks for it; the table's would be taken."""
    box = shapely.box(0, 0, 9, 9)
    noted = [
        Region("R01", "", box, "", (("Grade", "Poor"),)),
        Region("R02", "well", box, "edge", (("label", "poor"), ("author", "Well"))),
        Region("R03", "", box, "", (("author", "Moore"), ("state", "well"))),
    ]
    with pytest.raises(UserError) as raised:
        grade_regions(noted, "well", PrepareConfig(), FILE)
    first, second = str(raised.value).splitlines()[1:]
    assert "R01 has the grade well of the table, but its property 'Grade' says 'Poor'; write the" in first
    assert "R02 'edge' has the grade well of the class, but its property 'label' says 'poor'" in second
    config = PrepareConfig(region_class="{well: moderate}", grade_conflict="region")
    assert grade_regions(noted[1:2], "well", config, FILE)[0].grade == "moderate"
