"""Other people's words for grades."""

import shlex
from collections import Counter

import pytest

from livergrade.io.grade_map import grade_map, grade_map_problems, typed_grades, unknown_grades

CLASSES = ["poor", "moderate", "well"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("{G1: well, G2: moderate}", {"G1": "well", "G2": "moderate"}),
        ("{G1:well,G2:null}", {"G1": "well", "G2": None}),
        ("{1: well, 01: poor, 1.50: null}", {"1": "well", "01": "poor", "1.50": None}),
        ("{'G: 1': well, \"a,b\": 'null', 'it''s': poor}", {"G: 1": "well", "a,b": "null", "it's": "poor"}),
        (
            "{mäßig differenziert: moderate, not reported: null,}",
            {"mäßig differenziert": "moderate", "not reported": None},
        ),
        ("{}", {}),
        ("{G1 well}", "{G1 well}"),
        ("G1:well", "G1:well"),
        (None, None),
    ],
)
def test_a_typed_map_is_read_with_any_words(typed: object, meant: object) -> None:
    assert typed_grades(typed) == meant


def test_numbers_of_a_yaml_file_are_words_and_two_words_may_be_one_grade() -> None:
    grades = grade_map({1: "well", 2: "moderate", 3: "poor", 4: "poor", None: None, False: "well"})
    assert [grades.of(word) for word in ("1", "3", "4", "null", "false", "poor")] == [
        *("well", "poor", "poor", None, "well", "poor")
    ]


def test_how_many_are_left_out_is_said() -> None:
    grades = grade_map({"GX": None, "G9": None, "G1": "well"})
    words = Counter({"GX": 3, "G1": 5})
    assert grades.left_out(words) == "3 of 8 are left out (3 of GX)"
    assert grades.unused(words) == ["G9"]
    assert grades.left_out(Counter({"G1": 1})) == ""


def test_what_is_no_map_is_told() -> None:
    assert grade_map_problems(None, "data.grades", CLASSES) == []
    assert grade_map_problems({"G1": "well", "G2": None}, "data.grades", CLASSES) == []
    assert grade_map_problems({"G1": "good"}, "data.grades", None) == []
    assert grade_map_problems({"G1": "good"}, "data.grades", CLASSES) == [
        "data.grades: good is not a grade; the grades are poor, moderate, well"
    ]
    (told,) = grade_map_problems("G1:well", "data.grades", CLASSES)
    assert told.endswith('in quotes, as "data.grades={G1: well, G2: null}"')


def test_the_advice_on_unknown_words_can_be_typed() -> None:
    words = ["poor", "Poor", " WELL", "", "moderate "]
    found, advice = unknown_grades(words, CLASSES, "data.classes", grade_map({"G1": "well"}))
    assert [row for row, _ in found] == [1, 2, 4]
    typed = shlex.split(advice)[-1].removeprefix("data.grades=")
    assert typed_grades(typed) == {"G1": "well", "Poor": "poor", " WELL": "well", "moderate ": "moderate"}
    assert unknown_grades(["poor", ""], CLASSES, "data.classes", grade_map(None)) == ([], "")


def test_blank_cells_are_a_word_that_can_be_left_out() -> None:
    assert typed_grades("{'': null, G1: well}") == {"": None, "G1": "well"}
    grades = grade_map({"": None})
    assert grades.left_out(Counter(["", "", "well"])) == "2 of 3 are left out (2 blank)"
    typed = shlex.split(grade_map({"G1": "well"}).advice(["", "G9"], CLASSES))[-1]
    assert typed == 'data.grades={G1: well, "": null, G9: <grade, or null to leave it out>}'
