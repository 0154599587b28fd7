"""What a comparison says in a sentence."""

from typing import Any

import pytest

from livergrade.multirun.report import verdict


def arm(*accuracies: float, p: float | None = None, repeats: int = 1) -> dict[str, Any]:
    """Models a, b, … of so much accuracy; of each two the corrected p."""
    models = {}
    for name, value in zip("abc", accuracies, strict=False):
        estimate = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 20}
        found = {"patient": {"accuracy": estimate, "balanced_accuracy": estimate}}
        models[name] = {"repeats": {str(number): found for number in range(repeats)}, "over": found}
    names = list(models)
    pairs = [
        {"first": one, "second": other, "patient": {"permutation": {"p_holm": p}}}
        for place, one in enumerate(names)
        for other in names[place + 1 :]
    ]
    return {"models": models, "pairs": pairs}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (arm(0.8), "Nothing was compared with it on the same patients."),
        (arm(0.8, 0.7, p=0.2), "No two of the models can be told apart on these patients (1 pair, Holm)."),
        (arm(0.8, 0.7, 0.6), "No two of the models can be told apart on these patients (3 pairs, Holm)."),
        (arm(0.8, 0.7, p=0.01), "After Holm's correction 1 of 1 pair differ: a and b."),
    ],
)
def test_it_claims_what_the_tests_do(given: dict[str, Any], told: str) -> None:
    assert verdict(given, "patient") == f"a graded most patients correctly: 80.0 (70.0–90.0) % of 20. {told}"


def test_the_best_is_named_whatever_the_order() -> None:
    assert verdict(arm(0.6, 0.8), "patient").startswith("b graded most patients correctly: 80.0")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (arm(0.8, 0.8), "a and b graded equally many patients correctly: 80.0 % of 20. No two"),
        (
            arm(0.6, 0.8, 0.8),
            "b and c graded equally many patients correctly, and no other model more: 80.0 %",
        ),
        (arm(0.8, 0.8, 0.8, repeats=2), "a, b and c graded equally many patients correctly: 80.0 %. No two"),
    ],
)
def test_a_tie_has_no_winner(given: dict[str, Any], told: str) -> None:
    assert verdict(given, "patient").startswith(told)
