"""A plan in words."""

from typing import cast

from livergrade.evaluation.study_plan import Plan
from livergrade.reports.plan_text import plan_text

ESTIMATE = {"value": 0.8, "low": 0.6, "high": 0.9, "n": 30}

PLAN = cast(
    "Plan",
    {
        "expected": {
            "accuracy": 80.0,
            "image_accuracy": 78.0,
            "images": 6.0,
            "correlation": 0.25,
            "rarest": 30.0,
            "folds": 5,
            "compared_accuracy": 80.0,
            "apart": 10.0,
            "discordance": 18.7,
            "studies": 400,
            "seed_discordance": 17.0,
            "training_sd": 3.8,
            "equivalence_margin": 5.0,
        },
        "widths": [
            {
                "level": "image",
                "half_width": 0.075,
                "test_patients": 49,
                "patients": 245,
                "curve": [(30, 0.1)],
            },
            {
                "level": "patient",
                "half_width": 0.075,
                "test_patients": None,
                "patients": None,
                "curve": [(30, 0.1)],
            },
        ],
        "comparisons": [
            {
                "seeds": 3,
                "folds": 0,
                "test_patients": None,
                "patients": None,
                "curve": [(12, 0.1), (400, 0.5)],
            },
            {"seeds": 3, "folds": 5, "test_patients": 65, "patients": 65, "curve": [(12, 0.1), (100, 0.9)]},
        ],
        "counts": [
            {
                "what": "sets",
                "of": "validation patients",
                "least": 9,
                "patients": None,
                "patients_folds": None,
            }
        ],
        "known": {
            "patients": 74,
            "test_patients": 15,
            "validation_patients": 7,
            "widths": [
                {
                    "level": "image",
                    "folds": 0,
                    "test_patients": 11,
                    "half_width": None,
                    "test_patients_for_half": None,
                },
                {
                    "level": "patient",
                    "folds": 5,
                    "test_patients": 74,
                    "half_width": 0.09,
                    "test_patients_for_half": 306,
                },
            ],
            "comparisons": [
                {
                    "seeds": 1,
                    "folds": 5,
                    "test_patients": 74,
                    "power": 0.28,
                    "detectable": None,
                    "equivalent": 0.0,
                },
            ],
        },
        "run": {
            "folder": "runs/$a",
            "trainings": 2,
            "grades": {"poor": 3, "well": 12},
            "seeds": 1,
            "accuracy": {"senet": {"image": ESTIMATE, "patient": {**ESTIMATE, "low": None, "high": None}}},
            "discordance": 0.2,
            "seed_discordance": None,
            "detectable": 0.11,
            "set_sizes": {"a": 2.0},
        },
    },
)


def test_all_that_a_plan_has_is_said() -> None:
    text = plan_text(PLAN)
    for sentence in (
        "by image    49 test patients: 245 in all, or 49 with 5 folds",
        "by patient  more than 5,000 test patients",
        "3 seeds, held out    more than 400 test patients (power 50 % at 400): train more seeds",
        "3 seeds × 5 folds    65 in all",
        "no number of patients does: val_fraction is 0",
        "no interval: that takes 12 test patients",
        "accuracy ± 9.0 points; half of that takes 306 test patients",
        "senet: accuracy by image 80.0 % (60.0–90.0); by patient 80.0 % (no interval)",
        "too few for one of poor (12 each); too few for means over grades (4 of each)",
        "as there are 7 validation patients and it needs 9",
        "two models grade 20.0 % of the patients differently",
        "detectable difference of its models: 11.0 points",
    ):
        assert sentence in text
    assert max(map(len, text.splitlines())) <= 112


def test_sets_are_told_to_be_informative_or_not() -> None:
    known = {**PLAN["known"], "validation_patients": 20}
    text = plan_text(cast("Plan", {**PLAN, "known": known}))
    assert "90 % prediction sets of patients: 2.0 of 2 grades on average, hardly informative" in text
    run = {**PLAN["run"], "set_sizes": {"a": 1.2}}
    assert "1.2 of 2 grades on average, informative" in plan_text(
        cast("Plan", {**PLAN, "known": known, "run": run})
    )


def test_a_plan_of_no_known_patients_is_short() -> None:
    text = plan_text(cast("Plan", {**PLAN, "known": None, "run": None}))
    assert text.startswith("expected: accuracy 80.0 % by patient and 78.0 % by image")
    assert "can show" not in text
