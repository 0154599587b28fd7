"""Classes of regions: compared with grades, and the rules of ``region_class``."""

import pytest

from livergrade.config.region_classes import class_key, region_rules, rule_problems, same_class

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


def test_rules_are_read_up_to_their_last_sign() -> None:
    rules = region_rules(["Tumor: Poor =poor", "a=b=skip", "else=table"])
    assert rules == {("tumor", "poor"): "poor", ("a=b",): "skip", ("else",): "table"}


def test_all_wrong_rules_are_told() -> None:
    words = ["Necrosis", "=skip", "a=worse", "B=skip", "b =table", "Größe (x)=last"]
    told = rule_problems(words, GRADES)
    assert len(told) == 4
    assert "'Necrosis' names no class" in told[0]
    assert "'=skip' names no class" in told[1]
    assert "worse is none of poor, moderate, Well: G1, skip, table, first, last" in told[2]
    assert "'b =table' is of the same class as 'B=skip'" in told[3]
