"""The rules by which several readers' answers become one grade."""

from typing import Any

import pytest

from livergrade.reading.review_consensus import OWN_RULE, review_consensus

CLASSES = ["poor", "moderate", "well"]
READERS = ("anna", "ben", "chen")
GIVEN = (
    ("poor", "poor", "poor"),
    ("poor", "well", "well"),
    ("poor", "well", "moderate"),
    ("poor", "well", None),
    (None, None, "poor"),
    (),
)
"""What three readers say of six images; None: it can't be graded."""


def answers(*grades: str | None) -> dict[str, dict[str, Any]]:
    told = zip(READERS, grades, strict=False)
    return {who: {"grade": grade, "excluded": None if grade else "ungradable"} for who, grade in told}


FIRST = {image: answers(*of) for image, of in enumerate(GIVEN) if of}
DECIDED = {2: {"panel": {"grade": "moderate", "excluded": None}}}
CELLS = [{"image": f"{number}.png", "grade": "well"} for number in range(len(GIVEN))]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (OWN_RULE, ["poor: all agree", "well: more_than_half", "moderate: adjudicated", "readers differ"]),
        ("majority", ["poor: all agree", "well: majority", "poor: majority", "poor: majority"]),
        ("worst", ["poor: all agree", "poor: worst", "poor: worst", "poor: worst"]),
        ("adjudicated", ["poor: all agree", "readers differ", "moderate: adjudicated", "readers differ"]),
    ],
)
def test_each_rule_is_named_and_gives_its_grade(rule: str, told: list[str]) -> None:
    facts = {"mode": "read", "classes": CLASSES}
    found = review_consensus(facts, CELLS, READERS, FIRST, DECIDED, rule)
    lines = [f"{grade}: {how}" if grade else how for grade, how in found]
    assert lines == [*told, "excluded: ungradable", "not read"]


def test_what_one_reader_says_and_the_most_probable_grade() -> None:
    facts = {"mode": "read", "classes": CLASSES}
    alone = {0: answers("well")}
    for rule in (OWN_RULE, "majority", "worst", "adjudicated"):
        assert review_consensus(facts, CELLS, READERS, alone, {}, rule)[0] == ("well", "one reader")
    found = review_consensus(facts, CELLS, READERS, FIRST, {}, "dawid_skene")
    assert [how for grade, how in found if grade] == ["dawid_skene"] * 4


def test_adjudicators_may_differ_or_find_no_grade() -> None:
    facts = {"mode": "adjudicate", "classes": CLASSES}
    both = {2: {"p": {"grade": "poor", "excluded": None}, "q": {"grade": "well", "excluded": None}}}
    assert review_consensus(facts, CELLS, READERS, FIRST, both, OWN_RULE)[2] == (None, "adjudicators differ")
    assert review_consensus(facts, CELLS, READERS, FIRST, both, "adjudicated")[2] == ("well", "adjudicated")
    none = {2: {"p": {"grade": None, "excluded": "ungradable"}}}
    for rule in (OWN_RULE, "adjudicated"):
        assert review_consensus(facts, CELLS, READERS, FIRST, none, rule)[2] == (None, "excluded: ungradable")


def test_an_image_is_kept_if_everybody_keeps_it() -> None:
    seen: dict[str, dict[str, Any]] = {"anna": {"grade": None, "excluded": None}}
    first = {0: seen, 1: seen | {"ben": {"grade": None, "excluded": "artefact"}}}
    found = review_consensus({"mode": "confirm", "classes": CLASSES}, CELLS, READERS, first, {}, OWN_RULE)
    assert found[:3] == [("well", "kept"), (None, "excluded: artefact"), (None, "not read")]
