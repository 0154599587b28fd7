"""What decides the answer travels with an export, in numbers that JSON has."""

import math
from types import SimpleNamespace
from typing import get_type_hints

import pytest

from livergrade.deploy.answer_rules import ROUNDING, AnswerRules, answer_rules
from livergrade.inference.answers import Answers
from tests.conftest import GRADES

SCORES = {"patient": [0.1 * step for step in range(10)], "image": [[0.1 * step] for step in range(10)]}


def answers_of(scores: dict | None, *, abstain: float | None = None, by_grade: bool = False) -> Answers:
    calibration = {
        "scores": scores,
        "temperature": 1.5,
        "views": 2,
        "patients": 10,
        "reason": "no validation patients",
        "scores_by_grade": dict.fromkeys(GRADES, scores),
    }
    options = {"coverage": 0.9, "by_grade": by_grade, "abstain": abstain}
    return Answers(calibration, GRADES, views=2, calibrated=True, **options)  # type: ignore[arg-type]


def grader(limit: float = 4.5) -> SimpleNamespace:
    return SimpleNamespace(classes=GRADES, size=51, degrees=[0, 180], temperature=1.5, limit=limit)


@pytest.mark.parametrize("by_grade", [False, True])
def test_the_limits_are_those_of_the_answers(by_grade: bool) -> None:
    answers = answers_of(SCORES, abstain=0.7, by_grade=by_grade)
    rules = answer_rules(grader(), answers)  # type: ignore[arg-type]
    assert set(rules) == set(get_type_hints(AnswerRules))
    assert rules["set_limits"]["image"] == answers.thresholds.limits["image"].tolist()
    assert rules["set_limits"]["patient"] == answers.thresholds.limits["patient"].tolist()
    told = (rules["distance_limit"], rules["abstain"], rules["by_grade"], rules["no_sets"])
    assert told == (4.5 * (1 + ROUNDING), 0.7, by_grade, None)


def test_what_was_not_fitted_is_null() -> None:
    rules = answer_rules(grader(math.inf), answers_of(None))  # type: ignore[arg-type]
    assert rules["distance_limit"] is None
    assert rules["set_limits"] == {"image": None, "patient": None}
    assert rules["no_sets"] == "no validation patients"


def test_with_too_few_patients_every_grade_stays_in_the_set() -> None:
    few = {"patient": SCORES["patient"][:3], "image": SCORES["image"][:3]}
    rules = answer_rules(grader(), answers_of(few))  # type: ignore[arg-type]
    assert rules["set_limits"]["image"] == [1.0, 1.0, 1.0]
    assert "each set contains all grades" in str(rules["no_sets"])
