"""What a run says in a sentence, and its limits."""

from typing import Any

import pytest

from livergrade.config.schema import TrainConfig
from livergrade.reports.verdict import limits, majority, verdict


def metrics(low: float | None, high: float | None, *, leaking: bool = False) -> dict[str, Any]:
    return {
        "classes": ["poor", "well"],
        "leakage": {"leaking": leaking},
        "how": {},
        "counts": {"mixed_grade_patients": 0},
        "patient": {
            "confusion": [[12, 4], [1, 3]],
            "accuracy": {"value": 0.75, "low": low, "high": high, "n": 20},
            "per_class": {"poor": {"support": {"value": 16}}, "well": {"support": {"value": 4}}},
        },
    }


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (metrics(0.81, 0.9), "more than always answering “poor” (80.0 %) would"),
        (metrics(0.5, 0.9), "does not differ clearly from always answering “poor” (80.0 %)"),
        (metrics(0.5, 0.7), "fewer than always answering “poor” (80.0 %) would"),
        (metrics(None, None), "too few patients for an interval"),
        (metrics(0.81, 0.9, leaking=True), "not valid for new patients"),
    ],
)
def test_the_sentence_follows_the_interval(found: dict[str, Any], told: str) -> None:
    sentence = verdict(found, "senet")
    assert sentence.startswith("senet graded 15 of 20 test patients correctly")
    assert told in sentence


def test_the_majority_is_of_the_truth() -> None:
    assert majority(metrics(0, 1)) == {"answer": "“poor”", "share": 0.8}


def test_equally_frequent_grades_are_all_named() -> None:
    tied = metrics(0.81, 0.9)
    tied["patient"]["confusion"] = [[6, 4], [1, 9]]
    assert majority(tied) == {"answer": "“poor” or “well”", "share": 0.5}
    assert "always answering “poor” or “well” (50.0 %)" in verdict(tied, "senet")


def test_limits_are_the_runs_own() -> None:
    config = TrainConfig()
    config.data.name, config.split.name = "manifest", "patient"
    one = " ".join(limits(metrics(0.5, 0.9), config))
    assert "interval of the accuracy is 40 points wide" in one
    assert "Fewer than 5 test patients of well (4)" in one
    assert "One split of one cohort" in one
    assert "computer-generated" not in one
    config.data.name, config.split.name, config.trainer.limit_batches = "synthetic", "external", 2
    two = " ".join(limits(metrics(None, None, leaking=True), config))
    assert "computer-generated" in two
    assert "only a test of the software" in two
    assert "The split leaks" in two
    assert "same source" not in two


def test_all_folds_are_not_called_one_fold() -> None:
    config = TrainConfig()
    config.split.name = "kfold"
    assert "One fold of a cross-validation" in " ".join(limits(metrics(0.5, 0.9), config))
    joined = {**metrics(0.5, 0.9), "how": {"folds": "…"}}
    told = " ".join(limits(joined, config))
    assert "All folds of a cross-validation" in told
    assert "One fold" not in told
