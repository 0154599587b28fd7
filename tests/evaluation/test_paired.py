"""Two models on the same patients: their differences, and what they are about."""

import itertools

import numpy as np
import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.evaluation.paired import compare, pool_folds, refuse_different_tests
from livergrade.evaluation.summary import evaluate
from tests.conftest import prediction_columns

GRADES = ("poor", "moderate", "well")


def predictions(
    seed: int, *, patients: int = 24, images: int = 3, skill: float = 0.5, shared: int = 99
) -> pd.DataFrame:
    """Clustered answers: a patient's difficulty, and its images' noise, are drawn from ``shared``."""
    rng, common = np.random.default_rng(seed), np.random.default_rng(shared)
    rows = []
    for patient, image in itertools.product(range(patients), range(images)):
        grade = patient % 3
        scores = (
            0.8 * common.dirichlet(np.ones(3)) + 0.2 * rng.dirichlet(np.ones(3)) + skill * np.eye(3)[grade]
        )
        scores /= scores.sum()
        rows.append(
            (
                f"{patient}_{image}",
                f"P{patient:02d}",
                "test",
                0.0,
                GRADES[grade],
                GRADES[scores.argmax()],
                *scores,
            )
        )
    return pd.DataFrame(rows, columns=prediction_columns(GRADES))


def test_differences_are_those_of_the_figures() -> None:
    a, b = predictions(1, patients=30, skill=0.6), predictions(2, patients=30, skill=0.2)
    (pair,) = compare({"a": [a], "b": [b]})
    assert (pair["first"], pair["second"]) == ("a", "b")
    one, other = (evaluate(table, None, resamples=20) for table in (a, b))
    for level in ("image", "patient"):
        for metric, found in pair[level]["difference"].items():
            expected = one[level][metric]["value"] - other[level][metric]["value"]
            assert found["value"] == pytest.approx(expected, abs=1e-12)
            assert found["low"] <= found["value"] <= found["high"]


def test_swapping_the_models_turns_the_signs() -> None:
    a, b = predictions(1, skill=0.6), predictions(2, skill=0.2)
    (one,) = compare({"a": [a], "b": [b]})
    (other,) = compare({"b": [b], "a": [a]})
    mine, theirs = (pair["image"]["difference"]["accuracy"] for pair in (one, other))
    assert [mine["value"], mine["low"], mine["high"]] == pytest.approx(
        [-theirs["value"], -theirs["high"], -theirs["low"]], abs=1e-12
    )
    assert one["mcnemar"]["only_first"] == other["mcnemar"]["only_second"]


def test_a_model_does_not_differ_from_itself() -> None:
    a = predictions(1)
    (pair,) = compare({"a": [a], "b": [a.copy()]})
    accuracy = pair["patient"]["difference"]["accuracy"]
    assert accuracy["value"] == 0
    assert accuracy["low"] is None, "alike on these is not alike on all"
    assert accuracy["reason"].startswith("the two models differ in 0 test patients")
    assert pair["image"]["difference"]["accuracy"]["reason"].startswith(
        "the two models differ in images of 0 test"
    )
    assert pair["patient"]["test"]["p"] == pair["mcnemar"]["p"] == 1


def test_models_that_differ_in_enough_patients_have_an_interval() -> None:
    a, b = predictions(1, skill=0.7), predictions(2, skill=0.05)
    (pair,) = compare({"a": [a], "b": [b]})
    for level in ("image", "patient"):
        accuracy = pair[level]["difference"]["accuracy"]
        assert accuracy["low"] < accuracy["value"] < accuracy["high"], level
    # Any image counts, in any repeat.
    one = a.copy()
    columns = [f"p_{grade}" for grade in GRADES]
    few = one["patient"].isin(["P00", "P02"])
    one.loc[few, columns] = one.loc[few, columns[::-1]].to_numpy()
    (pair,) = compare({"a": [a, a], "b": [a, one]})
    assert "images of 2 test patients: a reliable" in pair["image"]["difference"]["accuracy"]["reason"]


def test_pairing_narrows_the_interval() -> None:
    a, b = predictions(1, patients=60), predictions(2, patients=60)
    (pair,) = compare({"a": [a], "b": [b]})
    found = pair["image"]["difference"]["accuracy"]
    alone = [evaluate(table, None, resamples=500)["image"]["accuracy"] for table in (a, b)]
    unpaired = np.hypot(*(one["high"] - one["low"] for one in alone))
    assert found["high"] - found["low"] < 0.9 * unpaired


def test_repeats_are_averaged_and_have_no_mcnemar() -> None:
    a, b = (
        [predictions(seed, skill=0.6) for seed in (1, 2)],
        [predictions(seed, skill=0.2) for seed in (3, 4)],
    )
    (pair,) = compare({"a": a, "b": b})
    single = [compare({"a": [one], "b": [two]})[0] for one, two in zip(a, b, strict=True)]
    values = [one["image"]["difference"]["quadratic_kappa"]["value"] for one in single]
    assert pair["image"]["difference"]["quadratic_kappa"]["value"] == pytest.approx(np.mean(values))
    assert pair["mcnemar"]["p"] is None
    assert "several trainings" in pair["mcnemar"]["reason"]


def test_repeats_may_test_different_patients() -> None:
    whole = [predictions(1, skill=0.6), predictions(2, skill=0.2)]
    halves = [[table[table["patient"] < "P12"], table[table["patient"] >= "P12"]] for table in whole]
    (pair,) = compare({"a": halves[0], "b": halves[1]})
    (joined,) = compare({"a": [whole[0]], "b": [whole[1]]})
    alone, over = (one["image"]["difference"]["accuracy"] for one in (joined, pair))
    assert over["value"] == pytest.approx(alone["value"], abs=1e-12)
    assert over["low"] < alone["low"]  # two repeats tell little about further ones


def test_folds_are_joined_and_overlaps_refused() -> None:
    table = predictions(1)
    first, second = table[table["patient"] < "P12"], table[table["patient"] >= "P10"]
    with pytest.raises(UserError, match=r"one and two: \d test patients are in both, as "):
        pool_folds([first, second], ["one", "two"])
    assert len(pool_folds([first, table[table["patient"] >= "P12"]], ["one", "two"])) == len(table)


def test_models_of_other_patients_are_refused() -> None:
    a, b = predictions(1), predictions(2)
    b.loc[b["patient"] == "P07", "patient"] = "P99"
    with pytest.raises(UserError, match=r"b, repeat 1: 6 images of 2 patients differ \(P07, P99\)"):
        refuse_different_tests({"a": [a], "b": [b]})
    refuse_different_tests({"a": [a], "b": [predictions(2)]})


def test_a_lone_patient_of_a_grade_leaves_no_interval() -> None:
    a, b = predictions(1, patients=5), predictions(2, patients=5)
    (pair,) = compare({"a": [a], "b": [b]})
    found = pair["patient"]["difference"]["accuracy"]
    assert found["low"] is None
    assert "5 test patients: a reliable interval needs 12" in found["reason"]


def test_trainings_widen_what_patients_alone_would_say() -> None:
    a, b = ([predictions(seed, patients=60) for seed in seeds] for seeds in ((1, 2, 3), (4, 5, 6)))
    (pair,) = compare({"a": a, "b": b})
    (patients,) = compare({"a": a[:1], "b": b[:1]})
    over, alone = (one["image"]["difference"]["accuracy"] for one in (pair, patients))
    assert (pair["about"], patients["about"]) == ("models", "trainings")
    assert over["method"] == "Agresti-Min, patients as clusters; patients and trainings"
    assert alone["method"] == "Agresti-Min, patients as clusters"
    excludes = not over["low"] <= 0 <= over["high"]
    assert (pair["image"]["test"]["p"] < 0.05) == excludes


@pytest.mark.parametrize("trainings", [1, 2, 3])
def test_no_difference_has_an_interval_without_width(trainings: int) -> None:
    right = predictions(1, skill=1)
    columns = [f"p_{grade}" for grade in GRADES]

    def wrong_on(patients: list[str]) -> pd.DataFrame:
        table, rows = right.copy(), right["patient"].isin(patients)
        table.loc[rows, columns] = table.loc[rows, columns].to_numpy()[:, [1, 2, 0]]
        return table

    names = sorted(right["patient"].unique())
    a, b = wrong_on(names[:4]), wrong_on(names[4:8])
    (pair,) = compare({"a": [a] * trainings, "b": [b] * trainings})
    for level in ("image", "patient"):
        found = pair[level]["difference"]["accuracy"]
        assert found["low"] < found["value"] < found["high"]
        assert found["value"] == pytest.approx(0, abs=0.1)
        assert pair[level]["decision"]["verdict"] != "better"


@pytest.mark.parametrize(
    ("patients", "trainings", "verdict"), [(45, 1, "undecided"), (90, 1, "equivalent"), (90, 3, "undecided")]
)
def test_agreement_on_few_patients_or_of_few_trainings_is_no_equivalence(
    patients: int, trainings: int, verdict: str
) -> None:
    tables = [predictions(1, patients=patients, images=1)] * trainings
    (pair,) = compare({"a": tables, "b": tables})
    assert pair["patient"]["decision"]["verdict"] == verdict


def test_folds_are_trainings_of_a_cross_validation() -> None:
    a, b = predictions(1, patients=60, skill=0.6), predictions(2, patients=60, skill=0.2)
    folds = pd.Series({f"P{number:02d}": number % 5 for number in range(60)})
    (pair,) = compare({"a": [a], "b": [b]}, folds=folds)
    (joined,) = compare({"a": [a], "b": [b]})
    assert (pair["about"], pair["trainings"]) == ("models", [5, 5])
    wide, alone = (one["patient"]["difference"]["accuracy"] for one in (pair, joined))
    assert wide["high"] - wide["low"] > alone["high"] - alone["low"]


def test_models_of_unequal_numbers_of_trainings() -> None:
    a, b = [predictions(seed) for seed in (1, 2, 3)], [predictions(seed) for seed in (4, 5)]
    (pair,) = compare({"a": a, "b": b})
    assert (pair["about"], pair["trainings"]) == ("models", [3, 2])
    (lone,) = compare({"a": a, "b": b[:1]})
    assert (lone["about"], lone["trainings"]) == ("trainings", [3, 1])
