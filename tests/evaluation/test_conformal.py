"""Prediction sets: they hold what they promise, have no gaps, and say when they can promise nothing."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from livergrade.evaluation.conformal import (
    least_patients,
    make_thresholds,
    nonconformity,
    sets,
    threshold,
    true_scores,
    true_scores_by_grade,
)
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.predictions import read_predictions
from livergrade.evaluation.temperature import at_temperature
from livergrade.evaluation.uncertainty import read_calibration
from tests.conftest import GRADES, examples, train
from tests.evaluation.simulated import clustered


@settings(deadline=None, max_examples=examples(200))
@given(st.lists(st.integers(0, 5), min_size=2, max_size=7).filter(any), st.floats(0, 1))
def test_sets_are_neighbours_and_hold_the_predicted_grade(counts, limit):
    probabilities = np.array(counts) / sum(counts)
    chosen = np.flatnonzero(sets(probabilities, limit))
    assert len(chosen) == chosen[-1] - chosen[0] + 1
    assert probabilities.argmax() in chosen
    # Between two grades that are probable enough lies no grade that isn't in the set.
    enough = np.flatnonzero(1 - probabilities <= limit)
    assert set(range(enough.min(), enough.max() + 1) if len(enough) else ()) <= set(chosen)


def test_scores_are_one_minus_the_probability_where_there_is_one_peak():
    np.testing.assert_allclose(nonconformity([0.1, 0.6, 0.2, 0.1]), [0.9, 0.4, 0.8, 0.9])
    np.testing.assert_allclose(nonconformity([0.5, 0.1, 0.4]), [0.5, 0.6, 0.6])


def test_thresholds_worked_by_hand():
    assert least_patients(0.9) == 9
    assert least_patients(0.95) == 19
    assert least_patients(0.5) == 1
    falling = np.arange(20, 0, -1) / 100
    assert threshold(falling[:8], 0.9) == math.inf
    assert threshold(falling[:9], 0.9) == 0.2  # the 9th of 9
    assert threshold(falling[:19], 0.9) == 0.19  # the 18th of 19
    # Patients of mass 1/10: the images up to 0.5 have 8.5 of 10, the one at 0.6 brings them to 9.
    groups = [[0.1]] * 7 + [[0.5], [0.5, 0.6]]
    assert threshold(groups, 0.8) == 0.5
    assert threshold(groups, 0.85) == 0.5
    assert threshold(groups, 0.9) == 0.6
    assert threshold([], 0.9) == math.inf


@pytest.mark.parametrize("n", [9, 19, 40])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_an_image_a_patient_is_the_plain_rule(n, coverage):
    values = np.random.default_rng(n).random(n)
    assert threshold(values, coverage) == threshold(values[:, None].tolist(), coverage)


def test_coverage_over_many_cohorts_is_what_was_asked():
    rng = np.random.default_rng(0)
    n, tested, trials, asked = 24, 30, 500, 0.9
    rank = math.ceil((n + 1) * asked)
    expected = betabinom(tested, rank, n + 1 - rank)
    got = np.empty((trials, 2))
    for trial in range(trials):
        known, new = clustered(n, rng), clustered(tested, rng)
        kept = json.loads(json.dumps(true_scores(known)))  # as the file holds them
        for column, name in enumerate(("patient", "image")):
            chosen = sets(new[name].scores, threshold(kept[name], asked))
            right = chosen[np.arange(len(chosen)), new[name].truth]
            shares = np.bincount(new[name].patient, right) / np.bincount(new[name].patient)
            got[trial, column] = shares.mean()
    error = 4 * expected.std() / tested / np.sqrt(trials)
    assert rank / (n + 1) - error <= got[:, 0].mean() <= rank / (n + 1) + error + 0.01  # forced grades
    assert asked - 4 * got[:, 1].std() / np.sqrt(trials) <= got[:, 1].mean() <= asked + 0.05


@pytest.mark.slow
def test_coverage_of_a_trained_network_over_random_splits_of_its_test_patients(tmp_path):
    """Over splits of one set of patients the rank alone decides: the mean is known, and so is its error."""
    train(
        *("model=resnet50", "split.test_fraction=0.6", "split.val_fraction=0.3", "trainer=cpu"),
        *("trainer.max_epochs=4", "trainer.progress=false", "trainer.map_patients=0", "trainer.map_epochs=0"),
        *(f"data.cache_dir={tmp_path / 'cache'}", f"hydra.run.dir={tmp_path / 'run'}"),
        outputs=tmp_path,
    )
    views = read_predictions(tmp_path / "run" / "predictions.csv")
    fitted = read_calibration(tmp_path / "run" / "calibration.json")
    levels = aggregate(at_temperature(views[views["split"] == "test"], fitted["temperature"] or 1.0))
    patients, splits, asked = len(levels["patient"].truth), 200, 0.9
    assert patients > 40
    n, tested = patients // 2, patients - patients // 2
    rank = math.ceil((n + 1) * asked)
    # Of `tested` patients as many have a score up to the rank-th of n others as a beta-binomial draw says.
    error = 4 * betabinom(tested, rank, n + 1 - rank).std() / tested / np.sqrt(splits)
    rng = np.random.default_rng(0)
    orders = [rng.permutation(patients) for _ in range(splits)]

    def coverages(name, of=threshold):
        level = levels[name]
        own = nonconformity(level.scores)[np.arange(len(level.truth)), level.truth]
        by_patient = [own[level.patient == one].tolist() for one in range(patients)]
        got = []
        for order in orders:
            limit = of([by_patient[one] for one in order[:n]], asked)
            chosen = sets(level.scores, limit)[np.arange(len(own)), level.truth]
            shares = np.bincount(level.patient, chosen) / np.bincount(level.patient)
            got.append(shares[order[n:]].mean())
        return np.array(got)

    def naive(calibration, coverage):
        """What leaves the new patient out of the count: the plain quantile of the scores."""
        return np.quantile(np.concatenate(calibration), coverage, method="inverted_cdf")

    by_patient, by_image = coverages("patient"), coverages("image")
    told = f"coverage by patient {by_patient.mean():.3f}, by image {by_image.mean():.3f}, error {error:.3f}"
    print(told)  # noqa: T201 - measured, for docs/caution.md
    assert rank / (n + 1) - error <= by_patient.mean(), told
    assert by_patient.mean() <= rank / (n + 1) + error + 0.03, told  # the predicted grade is in every set
    assert coverages("patient", naive).mean() < rank / (n + 1) - error  # so this test can fail
    assert asked - 4 * by_image.std() / np.sqrt(splits) <= by_image.mean() < 0.97, told


def test_scores_by_grade_are_those_of_the_grade():
    known = clustered(40, np.random.default_rng(1))
    by_grade = true_scores_by_grade(known, GRADES)
    whole = true_scores(known)
    assert list(by_grade) == list(GRADES)
    for name in ("patient", "image"):
        joined = itertools.chain.from_iterable(one[name] for one in by_grade.values())
        assert sorted(joined) == whole[name]
    assert [len(by_grade[grade]["patient"]) for grade in GRADES] == np.bincount(
        known["patient"].truth
    ).tolist()


def test_each_grade_is_covered_by_thresholds_of_its_own_and_not_by_one_for_all():
    rng = np.random.default_rng(0)

    def uneven(patients):
        """Patients of whom the worst grade is found the least."""
        levels = clustered(patients, rng)
        worse = levels["patient"].truth == 0
        scores = levels["patient"].scores.copy()
        scores[worse] *= (0.1, 1, 1)
        scores /= scores.sum(1, keepdims=True)
        return levels | {"patient": replace(levels["patient"], scores=scores)}

    got = {False: [], True: []}
    for _ in range(40):
        known, new = uneven(60), uneven(60)
        for own in got:
            thresholds = make_thresholds(
                true_scores(known), true_scores_by_grade(known, GRADES), GRADES, 0.8, ask_by_grade=own
            )
            assert thresholds.by_grade is own
            level = new["patient"]
            held = sets(level.scores, thresholds.limits["patient"])[np.arange(60), level.truth]
            got[own].append([held[level.truth == grade].mean() for grade in range(3)])
    common, own = (np.mean(got[kind], 0) for kind in (False, True))
    assert common.min() < 0.7
    assert own.min() > 0.79


def test_a_grade_with_too_few_patients_falls_back_to_one_threshold():
    known = clustered(30, np.random.default_rng(2))
    by_grade = true_scores_by_grade(known, GRADES)
    common = make_thresholds(true_scores(known), by_grade, GRADES, 0.9)
    assert common.fallback == ""
    by_grade["well"] = {"patient": [0.5] * 3, "image": [[0.5]] * 3}
    found = make_thresholds(true_scores(known), by_grade, GRADES, 0.9, ask_by_grade=True)
    assert not found.by_grade
    np.testing.assert_array_equal(found.limits["patient"], common.limits["patient"])
    assert "90 % coverage of each grade needs 9 validation patients of each, and there are" in found.fallback
    assert found.fallback.endswith("well 3")
    earlier = make_thresholds(true_scores(known), None, GRADES, 0.9, ask_by_grade=True)
    assert "no scores by grade" in earlier.fallback


def test_thresholds_by_grade_leave_no_gap():
    limits = np.array([0.9, 0.1, 0.9])
    assert sets([0.4, 0.2, 0.4], limits).tolist() == [True, True, True]
    assert sets([0.05, 0.15, 0.8], limits).tolist() == [False, False, True]
