"""Sets of grades: they hold what they promise, have no gaps, and say when they can promise nothing."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from livergrade.evaluation.conformal import (
    least_patients,
    nonconformity,
    set_estimates,
    sets,
    threshold,
    true_scores,
)
from livergrade.evaluation.levels import Level, aggregate
from livergrade.evaluation.predictions import read_predictions
from livergrade.evaluation.temperature import at_temperature
from livergrade.evaluation.uncertainty import read_calibration
from tests.conftest import examples, train
from tests.evaluation.simulated import jackknife_of


def level_of(truth, probabilities, patient):
    return Level([""] * len(truth), np.asarray(truth), np.asarray(probabilities, float), np.asarray(patient))


def clustered(patients, rng, *, grades=3, most=6):
    """Images of exchangeable patients, who differ in how sure and how right the network is of them."""
    count = rng.integers(1, most + 1, patients)
    owner = np.repeat(np.arange(patients), count)
    truth = rng.integers(0, grades, patients)[owner]
    logits = rng.normal(0, 1.5, (patients, grades))[owner] + rng.normal(0, 0.7, (len(owner), grades))
    logits[np.arange(len(owner)), truth] += rng.normal(1, 1, patients)[owner]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    image = level_of(truth, shares, owner)
    means = np.stack([shares[owner == one].mean(0) for one in range(patients)])
    first = np.searchsorted(owner, np.arange(patients))
    return {"image": image, "patient": level_of(truth[first], means, np.arange(patients))}


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


def test_figures_are_those_of_the_sets():
    rng = np.random.default_rng(3)
    known, new = clustered(30, rng), clustered(25, rng)
    found = set_estimates(new, true_scores(known), jackknife_of(25), coverage=0.8)
    assert found["calibration_patients"] == 30
    for name in ("patient", "image"):
        chosen = sets(new[name].scores, found[name]["threshold"])
        assert found[name]["sizes"] == [int((chosen.sum(1) == size).sum()) for size in (1, 2, 3)]
        by_patient = [chosen[new[name].patient == one].sum(1).mean() for one in range(25)]
        assert found[name]["size"]["value"] == pytest.approx(np.mean(by_patient))
        assert (
            found[name]["covered"]["low"] <= found[name]["covered"]["value"] <= found[name]["covered"]["high"]
        )
    assert found["patient"]["covered"]["method"] == "Wilson, patients"
    single = sets(new["patient"].scores, found["patient"]["threshold"]).sum(1) == 1
    right = new["patient"].predicted == new["patient"].truth
    assert found["patient"]["single"]["value"] == pytest.approx(single.mean())
    assert found["patient"]["single_right"]["value"] == pytest.approx(right[single].mean())
    assert found["patient"]["single_right"]["n"] == single.sum()
    low, high = found["range"]
    assert low < 0.8 < high


def test_too_few_patients_promise_nothing_and_say_why():
    rng = np.random.default_rng(4)
    found = set_estimates(clustered(12, rng), true_scores(clustered(8, rng)), jackknife_of(12))
    assert found["patient"]["threshold"] is found["image"]["threshold"] is None
    assert found["patient"]["sizes"] == [0, 0, 12]
    assert found["patient"]["covered"]["value"] == 1
    assert found["patient"]["single_right"]["value"] is None
    assert found["patient"]["single_right"]["reason"] == "no set contains exactly one grade"
    assert "8 validation patients are too few to guarantee 90 % coverage, which takes 9" in found["reason"]
    assert "split.val_fraction" in found["reason"]
    assert "range" not in found


@pytest.mark.parametrize("grades", [2, 5])
def test_any_number_of_grades_and_ties(grades):
    even = np.full((12, grades), 1 / grades)
    levels = dict.fromkeys(("patient", "image"), level_of(np.zeros(12, int), even, np.arange(12)))
    found = set_estimates(levels, true_scores(levels), jackknife_of(12))
    assert found["patient"]["sizes"] == [0] * (grades - 1) + [12]  # all conform alike
    assert found["patient"]["size"]["low"] < found["patient"]["size"]["high"]
