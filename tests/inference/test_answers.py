"""What is answered: the set, the grade, or that it is unsure."""

import functools

import numpy as np
import pandas as pd

from livergrade.inference.answers import Answers, add_answers, conformal_thresholds
from livergrade.io.grades import UNLIKE, UNSURE
from tests.conftest import GRADES


def table(*rows):
    scores = np.array(rows, float).reshape(-1, 3)
    frame = pd.DataFrame(scores, columns=[f"p_{grade}" for grade in GRADES])
    return frame.assign(predicted=[GRADES[place] for place in scores.argmax(1)], unlike=0.0)


def test_sets_are_named_and_low_probabilities_are_unsure():
    found = add_answers(table([0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.2, 0.4, 0.4]), GRADES, 0.6, 0.5)
    assert list(found["set"]) == ["poor", "moderate|well", "moderate|well"]
    assert list(found["answer"]) == ["poor", "moderate", UNSURE]  # 0.5 is not below 0.5
    assert list(found["predicted"]) == ["poor", "moderate", "moderate"]


def test_without_a_limit_or_a_bound_nothing_is_held_back():
    found = add_answers(table([0.4, 0.3, 0.3]), GRADES, None, None)
    assert list(found["set"]) == [""]
    assert list(found["answer"]) == ["poor"]


def test_what_is_mostly_unlike_the_training_images_is_not_graded():
    told = table([0.7, 0.2, 0.1], [0.4, 0.3, 0.3], [0.7, 0.2, 0.1]).assign(unlike=[1.0, 0.6, 0.5])
    assert list(add_answers(told, GRADES, None, 0.5)["answer"]) == [UNLIKE, UNLIKE, "poor"]


def test_an_empty_table_gets_its_columns():
    assert list(add_answers(table(), GRADES, 0.5, 0.5)) == [*table(), "set", "answer"]


def test_any_coverage_can_be_asked_for():
    scores = {"patient": np.linspace(0, 1, 19).tolist(), "image": [[x, x / 2] for x in np.linspace(0, 1, 19)]}
    facts = {"temperature": 2.0, "views": 4, "patients": 19, "scores": scores}
    asked = functools.partial(conformal_thresholds, facts, GRADES, calibrated=True, views=4)
    found = [asked(coverage) for coverage in (0.5, 0.8, 0.95)]
    assert [reason for _, reason in found] == [""] * 3
    for level in ("image", "patient"):
        limits = [thresholds.limits[level][0] for thresholds, _ in found]
        assert limits == sorted(set(limits))
        assert limits[-1] <= 1
    none, reason = asked(0.96)
    assert (none.limits["patient"] == np.inf).all()
    assert "24 validation patients, and there are 19" in reason


def test_sets_by_grade_are_answered_or_why_not():
    scores = {"patient": [0.2] * 30, "image": [[0.2]] * 30}
    few = {"patient": [0.2] * 8, "image": [[0.2]] * 8}
    many = {"patient": [0.9] * 11, "image": [[0.9]] * 11}
    facts = {"temperature": 1.0, "views": 4, "patients": 30, "scores": scores, "reason": "no interval"}
    options = {"views": 4, "calibrated": True, "coverage": 0.9, "by_grade": True, "abstain": None}
    by_grade = {"poor": many, "moderate": few, "well": many}
    answers = Answers(facts | {"scores_by_grade": by_grade}, GRADES, **options)
    assert not answers.thresholds.by_grade
    told = "needs 9 validation patients of each, and there are moderate 8"
    assert [told in line for line in answers.warnings()] == [True]
    assert list(answers(table([0.2, 0.7, 0.1]), "patient")["set"]) == ["moderate"]
    answers = Answers(facts | {"scores_by_grade": by_grade | {"moderate": scores}}, GRADES, **options)
    assert answers.thresholds.by_grade
    assert answers.warnings() == []
    assert list(answers(table([0.2, 0.7, 0.1]), "patient")["set"]) == ["poor|moderate|well"]
    assert "no scores by grade" in Answers(facts, GRADES, **options).warnings()[0]
