"""What is fitted on predictions for patients that a network never trained on."""

import numpy as np
import pandas as pd
import pytest

from livergrade.evaluation.conformal import sets, threshold, true_scores
from livergrade.evaluation.cross_fit import (
    answered_by_other_folds,
    cross_fitted_appearance,
    ensemble_temperature,
    out_of_fold,
    pooled_reference,
    pooled_scale,
    scales_differ,
)
from livergrade.evaluation.levels import REPORTED_LEVELS, aggregate
from livergrade.evaluation.ood import Appearance, distances, fit_reference
from livergrade.evaluation.scale import Scale
from livergrade.evaluation.temperature import at_temperature, fit_temperature
from tests.evaluation.simulated import CLASSES, predict

COLUMNS = [f"p_{grade}" for grade in CLASSES]


def test_views_are_averaged_over_the_members_that_never_saw_the_patient() -> None:
    views = predict([0, 1, 2], images=2)
    tested = [views[views["patient"] == f"{number:02d}"] for number in range(3)]
    one = pd.concat([tested[0], tested[1].assign(split="val"), tested[2].assign(split="train")])
    other = pd.concat([tested[1], tested[2].assign(split="val")])
    other[COLUMNS] = other[COLUMNS].to_numpy()[:, [1, 2, 0]]
    joined = out_of_fold([one, other], ["val", "test"]).set_index(["image", "angle"])
    assert set(joined["split"]) == {"val"}
    assert len(joined) == len(views)
    first = views.set_index(["image", "angle"])[COLUMNS].reindex(joined.index)
    turned = first.to_numpy()[:, [1, 2, 0]]
    patient = joined["patient"].to_numpy()[:, None]
    expected = np.where(patient == "00", first, np.where(patient == "01", (first + turned) / 2, turned))
    assert joined[COLUMNS].to_numpy() == pytest.approx(expected)
    assert joined["predicted"].tolist() == [CLASSES[k] for k in expected.argmax(1)]
    alone = out_of_fold([one, other], ["test"])
    assert set(alone["patient"]) == {"00", "01"}


def test_each_fold_is_answered_by_the_others() -> None:
    """Sets at the moved scores are those of the other folds' threshold, grade by grade."""
    views = predict([0, 1, 2] * 12, images=2, angles=(0.0,), strength=0.7)
    views["fold"] = views["patient"].astype(int) % 3
    scores = true_scores(aggregate(at_temperature(views, 1.3)))
    calibrated, moved = answered_by_other_folds(views, scores, 0.8)
    for fold in range(3):
        others, own = views[views["fold"] != fold], views[views["fold"] == fold]
        temperature = fit_temperature(others)["temperature"]
        assert temperature
        fitted = true_scores(aggregate(at_temperature(others, temperature)))
        levels = aggregate(at_temperature(own, temperature))
        for name in REPORTED_LEVELS:
            rows = np.flatnonzero(np.isin(calibrated[name].names, levels[name].names))
            assert calibrated[name].scores[rows] == pytest.approx(levels[name].scores)
            wanted = sets(levels[name].scores, threshold(fitted[name], 0.8))
            assert np.array_equal(sets(moved[name].scores[rows], threshold(scores[name], 0.8)), wanted)
    same, without = answered_by_other_folds(views, None, 0.8)
    assert same is without


def test_too_few_patients_for_a_threshold_leave_all_grades_in_each_set() -> None:
    views = predict([0, 1, 2, 0], images=1, angles=(0.0,))
    views["fold"] = views["patient"].astype(int) % 2
    scores = true_scores(aggregate(views))
    _, moved = answered_by_other_folds(views, scores, 0.9)
    assert sets(moved["patient"].scores, threshold(scores["patient"], 0.9)).all()
    _, moved = answered_by_other_folds(views, scores, 0.8)  # enough of all four, not of two
    assert sets(moved["patient"].scores, threshold(scores["patient"], 0.8)).all()


def test_the_mean_of_more_members_needs_a_lower_temperature() -> None:
    """log T = 0.1 + 0.4 / M: 0.5 of one member, 0.3 of two, 0.18 of five."""
    assert ensemble_temperature(np.exp(0.5), np.exp(0.3), 5) == pytest.approx(np.exp(0.18))
    assert ensemble_temperature(np.exp(0.5), np.exp(0.3), 2) == pytest.approx(np.exp(0.3))
    assert ensemble_temperature(1.1, 1.2, 5) == 1.2
    assert ensemble_temperature(20.0, 0.1, 5) == 0.1


def measured_at(features: np.ndarray, train: np.ndarray) -> tuple[Appearance, pd.DataFrame]:
    """A member that was trained on some images; each has a patient of its own."""
    reference = fit_reference(features[train])
    table = pd.DataFrame({"image": np.arange(len(features)), "patient": np.arange(len(features))})
    table["split"] = np.where(train, "train", "test")
    table["distance"] = distances(features, reference)
    return {**reference, "scores": None, "limit": None, "alarm": None}, table


def test_the_look_of_an_ensembles_images_is_known_from_all_and_its_limit_from_unseen_ones() -> None:
    features = np.random.default_rng(0).normal(size=(120, 7)) * np.arange(1, 8) + 3
    fold = np.arange(120) % 3
    references, tables = zip(*(measured_at(features, fold != number) for number in range(3)), strict=True)
    found = cross_fitted_appearance(references, tables, 120)
    whole = fit_reference(features)
    assert found["images"] == 120
    assert found["centre"] == pytest.approx(whole["centre"])
    ratio = distances(features, found) / distances(features, whole)
    assert ratio.min() > 0.9
    assert ratio.max() < 1.1
    assert found["scores"]
    assert len(found["scores"]) == 120
    unseen = np.concatenate([table["distance"][table["split"] == "test"] for table in tables])
    assert np.sort(np.concatenate(found["scores"])) == pytest.approx(np.sort(unseen))
    assert (unseen <= found["limit"]).mean() > 0.94


def test_members_of_one_split_keep_their_reference() -> None:
    reference, _ = measured_at(np.random.default_rng(1).normal(size=(30, 7)), np.ones(30, bool))
    assert pooled_reference([reference, reference], 30)["whitening"] == reference["whitening"]


def scale(median: float) -> Scale:
    return {"images": 9, "low": median - 1, "median": median, "high": median + 1, "network_um": median / 64}


def test_members_are_of_one_scale() -> None:
    assert pooled_scale([None, None], 12) is None
    assert pooled_scale([scale(380), scale(384)], 12) == {
        "images": 12,
        "low": 379,
        "median": 382,
        "high": 385,
        "network_um": pytest.approx(382 / 64),
    }
    assert not scales_differ([scale(380), scale(384)])
    assert not scales_differ([None, None])
    assert scales_differ([scale(380), None])
    assert scales_differ([scale(380), scale(760)])
