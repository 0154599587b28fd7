"""Classes of regions: compared with grades, and the rules of ``region_class``."""

import pytest

from livergrade.config.region_classes import class_key, region_rules, rule_problems, same_class, typed_rule

GRADES = ["poor", "moderate", "Well: G1"]


@pytest.mark.parametrize("kind", ["poor", " Poor ", "POOR", "po\u200bor", "\ufeffpoor\u00a0"])
def test_case_and_blanks_make_no_other_class(kind: str) -> None:
    assert same_class(kind, GRADES) == "poor"


def test_a_class_is_a_grade_only_as_a_whole() -> None:
    assert same_class("well:  g1", GRADES) == "Well: G1"
    assert [same_class(kind, GRADES) for kind in ("poorly", "Tumor: poor", "", "G1")] == [None] * 4
    assert same_class("Poor", ["Poor", "poor"]) == "Poor"
    assert same_class("POOR", ["Poor", "poor"]) is None  # it might be either
    assert class_key("größe") == class_key("gro\u0308ße")


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (None, {}),
        ("{}", {}),
        ("last", {("else",): "last"}),
        ("{Necrosis: skip,}", {("necrosis",): "skip"}),
        ("{Tumor: Poor: poor, else:table}", {("tumor", "poor"): "poor", ("else",): "table"}),
        ("""{"a, b: c": skip, 'd "e"': 'Well: G1'}""", {("a, b", "c"): "skip", ('d "e"',): "Well: G1"}),
    ],
)
def test_rules_are_read_as_they_are_typed(text: str | None, rules: dict[tuple[str, ...], str]) -> None:
    assert region_rules(text) == rules
    assert rule_problems(text, GRADES) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{Necrosis}", "must be classes and what they mean, as"),
        ("{", "must be classes"),
        ("{a: skip", "must be classes"),
        ("{: skip}", "must be classes"),
        ("{a's: skip}", "must be classes"),
        ("{a: {b: skip}}", "must be classes"),
        (
            "Necrosis",
            "'else' means 'Necrosis': must be one of poor, moderate, Well: G1, skip, table, first",
        ),
        ("{a: worse}", "'a' means 'worse': must be one of"),
        ("{a: }", "'a' means '': must be one of"),
        ("{B: skip, b : table}", "says twice what 'b' means"),
    ],
)
def test_wrong_rules_are_told(text: str, told: str) -> None:
    (line,) = rule_problems(text, GRADES)
    assert told in line


@pytest.mark.parametrize("kind", ["Necrosis", "Tumor: poor", "Ignore*", "a, b", "Größe (x)", "Crohn's", " a"])
def test_a_rule_is_typed_so_that_it_is_read(kind: str) -> None:
    assert region_rules("{" + typed_rule(kind, "skip") + "}") == {class_key(kind): "skip"}
