"""Two models on the same patients: differences, permutations, McNemar's and Holm's."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from livergrade.errors import UserError
from livergrade.evaluation.paired import compare, holm, pool_folds, refuse_different_tests, spread
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
    a, b = predictions(1, skill=0.6), predictions(2, skill=0.2)
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
    assert pair["patient"]["permutation"]["p"] == pair["mcnemar"]["p"] == 1


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
    assert "images of 2 test patients: an" in pair["image"]["difference"]["accuracy"]["reason"]


def test_mcnemar_is_the_binomial_of_those_one_alone_graded_right() -> None:
    a, b = predictions(1, skill=0.7), predictions(2, skill=0.05)
    (pair,) = compare({"a": [a], "b": [b]})
    found = pair["mcnemar"]
    assert found["only_first"] > found["only_second"]
    n = found["only_first"] + found["only_second"]
    assert found["p"] == pytest.approx(binomtest(found["only_first"], n).pvalue)
    # By patient, one answer each: swapping answers is flipping those same coins.
    assert pair["patient"]["permutation"]["p"] == pytest.approx(found["p"])


def test_permutation_counts_every_swap_of_whole_patients() -> None:
    a, b = predictions(1, patients=6, skill=0.9), predictions(3, patients=6, skill=0.0)
    (pair,) = compare({"a": [a], "b": [b]})
    right = [(table["predicted"] == table["grade"]).groupby(table["patient"]).sum() for table in (a, b)]
    gains = (right[0] - right[1]).to_numpy()
    swaps = [abs(np.dot(signs, gains)) for signs in itertools.product((1, -1), repeat=6)]
    assert pair["image"]["permutation"]["p"] == pytest.approx(
        np.mean(np.array(swaps) >= abs(gains.sum()) - 1e-9)
    )
    assert pair["image"]["permutation"]["permutations"] is None


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
    assert "several repeats" in pair["mcnemar"]["reason"]


def test_repeats_may_test_different_patients() -> None:
    whole = [predictions(1, skill=0.6), predictions(2, skill=0.2)]
    halves = [[table[table["patient"] < "P12"], table[table["patient"] >= "P12"]] for table in whole]
    (pair,) = compare({"a": halves[0], "b": halves[1]})
    (joined,) = compare({"a": [whole[0]], "b": [whole[1]]})
    # Not to the digit at the ends: a resample may hold more patients of one half.
    for key, tolerance in (("value", 1e-12), ("low", 0.03), ("high", 0.03)):
        expected = joined["image"]["difference"]["accuracy"][key]
        assert pair["image"]["difference"]["accuracy"][key] == pytest.approx(expected, abs=tolerance)


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_claimed() -> None:
    """Two models of the same skill on clustered answers: p below 0.05 in about a twentieth of the trials."""
    p = [
        compare(
            {
                "a": [predictions(seed, shared=seed + 5000)],
                "b": [predictions(seed + 1000, shared=seed + 5000)],
            },
            resamples=1,
            permutations=300,
        )[0]["image"]["permutation"]["p"]
        for seed in range(150)
    ]
    assert 0.005 <= np.mean(np.array(p) < 0.05) <= 0.1


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, None]) == pytest.approx([0.03, 0.06, 0.06, None])
    assert holm([0.5, 0.9]) == [1.0, 1.0]


def test_spread() -> None:
    assert spread([0.5]) == {"mean": 0.5, "sd": None, "values": [0.5]}
    assert spread([1.0, 3.0])["sd"] == pytest.approx(2**0.5)


def test_folds_are_joined_and_overlaps_refused() -> None:
    table = predictions(1)
    first, second = table[table["patient"] < "P12"], table[table["patient"] >= "P10"]
    with pytest.raises(UserError, match=r"one and two: 6 test images are in both, as 10_0, 10_1, 10_2"):
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
    assert "5 test patients: an interval that holds takes 12" in found["reason"]
