"""Figures of merit against scikit-learn, hand-worked numbers, and a plain loop over resamples."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from livergrade.errors import UserError
from livergrade.evaluation.intervals import draw_patients, naive_accuracy, percentiles, wilson
from livergrade.evaluation.leakage import leakage
from livergrade.evaluation.levels import LEVELS, Level, gather, patient_grades
from livergrade.evaluation.metric_catalog import overall, per_class, weighted_metrics
from livergrade.evaluation.metrics import auroc, count_metrics, patient_counts, roc_points
from livergrade.evaluation.predictions import class_names, read_predictions
from livergrade.evaluation.summary import evaluate
from livergrade.io.files import write_json
from livergrade.reports.format import table
from tests.conftest import examples

CLASSES = ("poor", "moderate", "well")


def predict(
    patients,
    *,
    classes=CLASSES,
    images=4,
    angles=(0.0, 90.0),
    seed=0,
    patient_sd=1.0,
    image_sd=0.3,
    strength=1.5,
):
    """Views of patients of the given grades, who differ by `patient_sd`, images by `image_sd` logits."""
    rng = np.random.default_rng(seed)
    steps, rows = np.arange(len(classes)), []
    for i, grade in enumerate(patients):
        patient = rng.normal(0, patient_sd, len(classes))
        for j in range(images):
            logit = patient + rng.normal(0, image_sd, len(classes)) - strength * abs(steps - grade)
            for angle in angles:
                p = np.exp(logit + rng.normal(0, 0.1, len(classes)))
                p /= p.sum()
                rows.append(
                    (f"{i:02d}_{j}.png", f"{i:02d}", "test", angle, classes[grade], classes[p.argmax()], *p)
                )
    columns = ["image", "patient", "split", "angle", "grade", "predicted", *(f"p_{name}" for name in classes)]
    return pd.DataFrame(rows, columns=columns)


def level_of(truth, scores, patient):
    return Level([""] * len(truth), np.asarray(truth), np.asarray(scores, float), np.asarray(patient))


def figures(level):
    """Every figure of a level of metrics.json with its name."""
    yield from ((name, level[name]) for name in (one.name for one in overall()))
    for grade, found in level["per_class"].items():
        yield from ((f"{grade} {name}", found[name]) for name in (one.name for one in per_class()))


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def scored(draw):
    k = draw(st.integers(2, 6))
    n = draw(st.integers(1, 40))
    grades = st.lists(st.integers(0, k - 1), min_size=n, max_size=n)
    # few distinct levels, so that ties are common; absent grades come by themselves
    level = st.lists(st.lists(st.integers(1, 4), min_size=k, max_size=k), min_size=n, max_size=n)
    scores = np.array(draw(level), float)
    weights = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    return k, np.array(draw(grades)), scores / scores.sum(1, keepdims=True), np.array(weights)


@settings(deadline=None, max_examples=examples(60))
@given(scored())
def test_every_figure_equals_scikit_learn(case):
    k, truth, scores, _ = case
    level = level_of(truth, scores, np.zeros(len(truth), int))
    found = {name: value[0] for name, value in weighted_metrics(level, np.ones((1, 1))).items()}
    predicted, labels = scores.argmax(1), list(range(k))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # absent grades: scikit-learn warns where we give NaN
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            truth, predicted, labels=labels, zero_division=np.nan
        )
        kappa = sk.cohen_kappa_score(truth, predicted, labels=labels, weights="quadratic")
        balanced = sk.balanced_accuracy_score(truth, predicted)
        areas = [
            sk.roc_auc_score(truth == c, scores[:, c]) if 0 < (truth == c).sum() < len(truth) else np.nan
            for c in labels
        ]
    close = {"rtol": 0, "atol": 1e-9, "equal_nan": True}
    np.testing.assert_allclose(found["precision"], precision, **close)
    np.testing.assert_allclose(found["recall"], recall, **close)
    np.testing.assert_allclose(found["f1"], f1, **close)
    np.testing.assert_allclose(found["auroc"], areas, **close)
    np.testing.assert_allclose(found["accuracy"], sk.accuracy_score(truth, predicted), **close)
    np.testing.assert_allclose(found["balanced_accuracy"], balanced, **close)
    np.testing.assert_allclose(found["macro_f1"], sk.f1_score(truth, predicted, average="macro"), **close)
    np.testing.assert_allclose(found["quadratic_kappa"], kappa, **close)
    np.testing.assert_allclose(
        found["mean_absolute_error"], sk.mean_absolute_error(truth, predicted), **close
    )
    two = np.mean(abs(truth - predicted) >= 2) if k > 2 else np.nan
    np.testing.assert_allclose(found["two_grade_error_rate"], two, **close)
    for c in labels:
        negatives = truth != c
        specificity = np.mean(predicted[negatives] != c) if negatives.any() else np.nan
        np.testing.assert_allclose(found["specificity"][c], specificity, **close)
    defined = [area for area in areas if not np.isnan(area)]
    np.testing.assert_allclose(found["macro_auroc"], np.mean(defined) if defined else np.nan, **close)
    present = np.unique(truth)
    precisions = [sk.average_precision_score(truth == c, scores[:, c]) for c in present]
    np.testing.assert_allclose(found["average_precision"][present], precisions, **close)
    np.testing.assert_allclose(found["macro_average_precision"], np.mean(precisions), **close)
    assert np.isnan(np.delete(found["average_precision"], present)).all()
    if len(present) > 1 and len(np.unique(predicted)) > 1:
        np.testing.assert_allclose(found["mcc"], sk.matthews_corrcoef(truth, predicted), **close)
    else:
        assert np.isnan(found["mcc"])
    np.testing.assert_allclose(found["log_loss"], sk.log_loss(truth, scores, labels=labels), **close)
    brier = sum(np.mean(((truth == c) - scores[:, c]) ** 2) for c in labels)
    np.testing.assert_allclose(found["brier"], brier, **close)


@settings(deadline=None, max_examples=examples(25))
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 60))
def test_figures_equal_torchmetrics(seed, k, n):
    import torch  # here, since a test below wants a process without it
    from torchmetrics.functional import classification as tm

    rng = np.random.default_rng(seed)
    truth, scores = rng.integers(0, k, n), rng.dirichlet(np.full(k, 0.7), n)
    level = level_of(truth, scores, np.zeros(n, int))
    found = {name: value[0] for name, value in weighted_metrics(level, np.ones((1, 1))).items()}
    given_ = torch.tensor(scores), torch.tensor(truth), k
    present = np.unique(truth)
    several = len(present) > 1
    expected = {
        "accuracy": tm.multiclass_accuracy(*given_, average="micro"),
        "ece": tm.multiclass_calibration_error(*given_, n_bins=15),
        "average_precision": tm.multiclass_average_precision(*given_, average="none")[present],
        "recall": tm.multiclass_recall(*given_, average="none")[present],
    }
    if several:
        expected["auroc"] = tm.multiclass_auroc(*given_, average="none")[present]
    if several and len(np.unique(scores.argmax(1))) > 1:
        expected["mcc"] = tm.multiclass_matthews_corrcoef(*given_)
        expected["quadratic_kappa"] = tm.multiclass_cohen_kappa(*given_, weights="quadratic")
    for name, value in expected.items():
        ours = found[name][present] if np.ndim(found[name]) else found[name]
        # torchmetrics counts in float32 here and there
        np.testing.assert_allclose(ours, value.numpy(), rtol=0, atol=2e-6, err_msg=name)


@settings(deadline=None, max_examples=examples(40))
@given(scored())
def test_a_weight_of_two_is_a_patient_that_stands_there_twice(case):
    _, truth, scores, weights = case
    if not weights.any():
        return
    level = level_of(truth, scores, np.arange(len(truth)))
    found = weighted_metrics(level, weights[None].astype(float))
    again = level_of(truth.repeat(weights), scores.repeat(weights, 0), np.zeros(weights.sum(), int))
    for name, value in weighted_metrics(again, np.ones((1, 1))).items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-9, equal_nan=True, err_msg=name)


@settings(deadline=None, max_examples=examples(40))
@given(scored())
def test_weighted_auroc_equals_scikit_learn(case):
    k, truth, scores, weights = case
    level = level_of(truth, scores, np.arange(len(truth)))  # every row a patient of its own
    found = auroc(level, weights[None])[0]
    for c in range(k):
        drawn = weights > 0
        if len(np.unique(truth[drawn] == c)) < 2:
            assert np.isnan(found[c])
            continue
        area = sk.roc_auc_score(truth[drawn] == c, scores[drawn, c], sample_weight=weights[drawn])
        assert found[c] == pytest.approx(area, abs=1e-9)


@settings(deadline=None, max_examples=examples(40))
@given(scored())
def test_roc_points_equal_scikit_learn(case):
    _, truth, scores, _ = case
    if 0 < (truth == 0).sum() < len(truth):
        expected = sk.roc_curve(truth == 0, scores[:, 0], drop_intermediate=False)
        np.testing.assert_allclose(roc_points(truth == 0, scores[:, 0]), expected[:2], rtol=0, atol=1e-12)


def test_a_matrix_worked_by_hand():
    # Rows 6, 5, 4; columns 6, 6, 3; n = 15. Five errors of one grade.
    # By chance: one grade apart (6·6 + 5·6 + 5·3 + 4·6) / 15 = 7; two, weighing 4, (6·3 + 4·6) / 15 = 2.8.
    found = count_metrics([[5, 1, 0], [1, 3, 1], [0, 2, 2]])
    assert found["accuracy"] == pytest.approx(10 / 15)
    assert found["recall"].tolist() == pytest.approx([5 / 6, 3 / 5, 2 / 4])
    assert found["precision"].tolist() == pytest.approx([5 / 6, 3 / 6, 2 / 3])
    assert found["f1"].tolist() == pytest.approx([10 / 12, 6 / 11, 4 / 7])
    assert found["specificity"].tolist() == pytest.approx([8 / 9, 7 / 10, 10 / 11])
    assert found["balanced_accuracy"] == pytest.approx((5 / 6 + 3 / 5 + 1 / 2) / 3)
    assert found["mean_absolute_error"] == pytest.approx(5 / 15)
    assert found["quadratic_kappa"] == pytest.approx(1 - 5 / (7 + 4 * 2.8))
    assert found["two_grade_error_rate"] == 0


def test_the_papers_senet_figures_follow_from_its_counts():
    # One of the matrices that the printed tables allow (test images 1008, 1188, 936).
    found = count_metrics([[992, 8, 8], [54, 1100, 34], [32, 12, 892]])
    assert round(100 * float(found["accuracy"]), 2) == 95.27
    assert (100 * found["recall"]).round(2).tolist() == [98.41, 92.59, 95.30]
    assert round(100 * float(found["precision"][0]), 2) == 92.02
    assert float(found["quadratic_kappa"]) == pytest.approx(0.9321, abs=5e-5)
    assert float(found["mean_absolute_error"]) == pytest.approx(188 / 3132)


# ── levels ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_image_counts_once_however_many_views_it_has():
    views = predict([0], images=2, angles=(0.0,))
    columns = ["p_poor", "p_moderate", "p_well"]
    views[columns] = [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]]
    extra = pd.concat([views.iloc[[0]].assign(angle=angle) for angle in (90.0, 180.0, 270.0)])
    levels = gather(pd.concat([views, extra]))
    np.testing.assert_allclose(levels["image"].scores, [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    np.testing.assert_allclose(levels["patient"].scores, [[0.5, 0.15, 0.35]])
    assert (len(levels["view"].truth), len(levels["image"].truth), len(levels["patient"].truth)) == (5, 2, 1)


def test_a_patients_grade_is_the_most_frequent_and_a_tie_goes_to_the_worse():
    patient = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    grade = np.array([2, 2, 0, 2, 1, 1, 1, 2, 2])
    assert patient_grades(patient, grade, 3).tolist() == [2, 1, 1]


def test_a_tie_of_probabilities_goes_to_the_worse_grade():
    assert level_of([0], [[0.2, 0.4, 0.4]], [0]).predicted.tolist() == [1]


def test_patients_of_mixed_grade_are_counted():
    views = predict([0, 0, 1, 1, 2, 2])
    views.loc[views["image"] == "00_0.png", "grade"] = "well"
    assert evaluate(views, None, resamples=10)["counts"]["mixed_grade_patients"] == 1


def test_row_order_does_not_matter():
    views = predict([0, 0, 0, 1, 1, 1, 2, 2, 2])
    shuffled = views.sample(frac=1, random_state=1)
    a, b = (evaluate(rows, None, resamples=50, seed=3) for rows in (views, shuffled))
    for level in LEVELS:
        assert a[level]["confusion"] == b[level]["confusion"]
        for (name, one), (_, other) in zip(figures(a[level]), figures(b[level]), strict=True):
            for key in ("value", "low", "high"):
                assert one[key] == pytest.approx(other[key], abs=1e-12), (level, name, key)


def test_only_test_rows_are_scored():
    views = predict([0, 0, 1, 1, 2, 2])
    spoilt = views.assign(
        split="val", image="v" + views["image"], patient="v" + views["patient"], grade="poor"
    )
    both = evaluate(pd.concat([spoilt, views], ignore_index=True), None, resamples=50)
    assert both == evaluate(views, None, resamples=50)


# ── intervals ────────────────────────────────────────────────────────────────────────────────────────────


def slow(level, weights):
    """Figures of each resample, one at a time, rows written out as often as their patient was drawn."""
    out = []
    for drawn in weights.astype(int):
        rows = np.concatenate([np.tile(np.flatnonzero(level.patient == p), n) for p, n in enumerate(drawn)])
        truth, scores = level.truth[rows], level.scores[rows]
        predicted, labels = scores.argmax(1), range(scores.shape[1])
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            truth, predicted, labels=labels, zero_division=np.nan
        )
        auroc = [sk.roc_auc_score(truth == c, scores[:, c]) for c in labels]
        precisions = [sk.average_precision_score(truth == c, scores[:, c]) for c in labels]
        confidence, right = scores.max(1), predicted == truth
        bins = [(confidence > b / 15) & (confidence <= (b + 1) / 15) for b in range(15)]
        out.append(
            {
                "average_precision": precisions,
                "macro_average_precision": np.mean(precisions),
                "mcc": sk.matthews_corrcoef(truth, predicted),
                "log_loss": sk.log_loss(truth, scores, labels=list(labels)),
                "brier": np.mean(((np.eye(len(labels))[truth] - scores) ** 2).sum(1)),
                "ece": sum(abs(right[b].sum() - confidence[b].sum()) for b in bins) / len(truth),
                "accuracy": np.mean(truth == predicted),
                "balanced_accuracy": np.mean(recall),
                "macro_f1": np.nanmean(f1),
                "macro_auroc": np.mean(auroc),
                "quadratic_kappa": sk.cohen_kappa_score(truth, predicted, labels=labels, weights="quadratic"),
                "mean_absolute_error": np.mean(abs(truth - predicted)),
                "two_grade_error_rate": np.mean(abs(truth - predicted) >= 2),
                "precision": precision,
                "recall": recall,
                "f1": f1,
                "specificity": [np.mean(predicted[truth != c] != c) for c in labels],
                "auroc": auroc,
            }
        )
    return {name: np.array([figure[name] for figure in out]) for name in out[0]}


@pytest.mark.parametrize("name", LEVELS)
def test_the_bootstrap_equals_a_plain_loop(name):
    views = predict([0] * 4 + [1] * 5 + [2] * 3, images=3)
    levels, drawn = gather(views), examples(40)
    weights = draw_patients(levels["patient"].truth, drawn, np.random.default_rng(7))
    expected = slow(levels[name], weights)
    found = weighted_metrics(levels[name], weights)
    assert found.keys() == expected.keys()
    for figure, values in expected.items():
        np.testing.assert_allclose(found[figure], values, rtol=0, atol=1e-9, err_msg=figure)
    evaluated = evaluate(views, None, resamples=drawn, seed=7)[name]
    for figure in ("macro_auroc", "quadratic_kappa", "macro_f1"):
        bounds = np.quantile(expected[figure], [0.025, 0.975])
        assert [evaluated[figure]["low"], evaluated[figure]["high"]] == pytest.approx(
            bounds.tolist(), abs=1e-9
        )


def test_patients_are_drawn_within_their_grade():
    grades = np.array([0] * 5 + [1] * 2 + [3] * 9)
    drawn = draw_patients(grades, 4000, np.random.default_rng(0))
    for grade in (0, 1, 3):
        members = drawn[:, grades == grade]
        assert (members.sum(1) == members.shape[1]).all()
        np.testing.assert_allclose(members.mean(0), 1, atol=0.1)
        np.testing.assert_allclose(members.var(0), 1 - 1 / members.shape[1], atol=0.15)


@pytest.mark.parametrize("seed", range(4))
def test_intervals_contain_their_value(seed):
    found = evaluate(predict([0] * 8 + [1] * 9 + [2] * 7, seed=seed), None, resamples=400, seed=seed)
    for level in LEVELS:
        for name, figure in figures(found[level]):
            if figure["low"] is None:
                assert figure["reason"], name
            else:
                assert figure["low"] <= figure["value"] <= figure["high"], (level, name)


def test_clustering_widens_the_interval_and_its_absence_does_not():
    def ratio(patient_sd, image_sd):
        views = predict([0] * 10 + [1] * 10 + [2] * 10, images=8, patient_sd=patient_sd, image_sd=image_sd)
        accuracy = evaluate(views, None, resamples=3000)["image"]["accuracy"]
        return (accuracy["high"] - accuracy["low"]) / (accuracy["naive_high"] - accuracy["naive_low"])

    assert ratio(patient_sd=1.5, image_sd=0.1) > 2
    assert ratio(patient_sd=0.0, image_sd=1.5) == pytest.approx(1, abs=0.2)


def test_wilson_against_published_values():
    assert wilson(14 / 15, 15) == pytest.approx((0.702, 0.988), abs=5e-4)
    assert wilson(1, 15) == pytest.approx((0.796, 1), abs=5e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=5e-5)
    assert wilson(70 / 74, 74) == pytest.approx((0.869, 0.979), abs=5e-4)


def test_patient_level_shares_get_wilsons_interval():
    found = evaluate(predict([0] * 6 + [1] * 6 + [2] * 6), None, resamples=100)["patient"]
    accuracy = found["accuracy"]
    assert (accuracy["low"], accuracy["high"]) == wilson(accuracy["value"], 18)
    recall = found["per_class"]["poor"]["recall"]
    assert (recall["low"], recall["high"]) == wilson(recall["value"], 6)
    assert accuracy["method"] == recall["method"] == "Wilson, patients"
    assert found["macro_f1"]["method"] == "bootstrap of patients"


def test_a_perfect_score_does_not_claim_certainty():
    found = evaluate(predict([0] * 4 + [1] * 5 + [2] * 6, strength=40), None, resamples=100)
    for level in LEVELS:
        accuracy = found[level]["accuracy"]
        assert (accuracy["value"], accuracy["low"], accuracy["high"]) == (1, *wilson(1, 15))
        assert found[level]["per_class"]["well"]["recall"]["low"] == wilson(1, 6)[0]
        for name in ("macro_f1", "quadratic_kappa", "macro_auroc", "mean_absolute_error"):
            assert found[level][name]["low"] is found[level][name]["high"] is None
            assert "resamples agree" in found[level][name]["reason"]


def test_the_seed_decides_the_interval_and_nothing_else():
    views = predict([0] * 6 + [1] * 6 + [2] * 6)
    one, again, other = (evaluate(views, None, resamples=200, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one["image"]["macro_auroc"]["low"] != other["image"]["macro_auroc"]["low"]
    assert one["image"]["macro_auroc"]["value"] == other["image"]["macro_auroc"]["value"]


# ── what cannot be known ─────────────────────────────────────────────────────────────────────────────────


def test_an_absent_grade_is_null_with_a_reason_and_left_out_of_means():
    found = evaluate(predict([0] * 5 + [1] * 5, strength=2), None, resamples=100)["image"]
    well = found["per_class"]["well"]
    assert well["support"]["value"] == 0
    for name in ("recall", "auroc"):
        assert well[name]["value"] is well[name]["low"] is None
        assert "well" in well[name]["reason"]
    assert well["specificity"]["value"] is not None
    recalls = [found["per_class"][grade]["recall"]["value"] for grade in ("poor", "moderate")]
    assert found["balanced_accuracy"]["value"] == pytest.approx(np.mean(recalls))
    assert "well absent" in found["balanced_accuracy"]["note"]


def test_a_grade_never_predicted_has_no_precision():
    views = predict([0, 0, 1, 1, 2, 2], strength=0)
    views[["p_poor", "p_moderate", "p_well"]], views["predicted"] = (0.5, 0.3, 0.2), "poor"
    found = evaluate(views, None, resamples=50)["patient"]
    assert found["per_class"]["well"]["precision"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "reason": "no test patient was predicted well",
    }
    assert found["per_class"]["well"]["f1"]["value"] == 0
    assert found["per_class"]["well"]["auroc"]["value"] == 0.5


def test_one_patient_of_a_grade_leaves_no_bootstrap_interval():
    found = evaluate(predict([0] * 5 + [1] * 5 + [2]), None, resamples=100)
    for name, figure in figures(found["image"]):
        assert figure["low"] is None, name
        assert "one test patient only of well" in figure["reason"], name
    assert found["patient"]["accuracy"]["method"] == "Wilson, patients"  # needs no resampling of that grade
    assert found["patient"]["per_class"]["well"]["recall"]["low"] is None


def test_two_grades_have_no_two_grade_error():
    found = evaluate(predict([0, 0, 0, 1, 1, 1], classes=("a", "b")), None, resamples=50)["image"]
    assert found["two_grade_error_rate"]["value"] is None
    assert "three grades" in found["two_grade_error_rate"]["reason"]


def test_a_single_grade_throughout_has_no_kappa():
    found = evaluate(predict([0, 0, 0], strength=40), None, resamples=50)["patient"]
    assert found["quadratic_kappa"]["value"] is None
    assert found["macro_auroc"]["value"] is None
    assert found["accuracy"]["value"] == 1


# ── leakage ──────────────────────────────────────────────────────────────────────────────────────────────


def split_of(*rows):
    return pd.DataFrame(rows, columns=["image", "patient", "split", "sha256"])


def test_siblings_and_copies_in_training_or_validation_leak():
    split = split_of(
        ("a", "1", "train", "x"),
        ("b", "1", "test", "y"),
        ("c", "2", "val", "z"),
        ("d", "2", "test", "w"),
        ("e", "3", "test", "x"),
        ("f", "4", "test", "v"),
    )
    found = leakage(split)
    assert found["leaking"] is True
    assert (found["test_images"], found["with_sibling"], found["duplicates"]) == (4, 2, 1)
    assert found["sentence"].startswith(
        "2 of 4 test images share a patient with training or validation, 1 are"
    )


def test_a_patient_split_does_not_leak_and_an_unknown_one_is_not_called_clean():
    clean = split_of(("a", "1", "train", "x"), ("b", "2", "val", "y"), ("c", "3", "test", "z"))
    assert leakage(clean)["leaking"] is False
    assert leakage(clean.drop(columns="sha256"))["leaking"] is False
    assert leakage(None)["leaking"] is None


def test_predictions_of_another_split_are_refused():
    views = predict([0, 0, 1, 1, 2, 2])
    split = views.drop_duplicates("image")[["image", "patient", "grade", "split"]]
    assert evaluate(views, split, resamples=10)["leakage"]["leaking"] is False
    split.loc[split["image"] == "00_1.png", "split"] = "train"
    with pytest.raises(UserError, match=r"00_1\.png, are not test images"):
        evaluate(views, split, resamples=10)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_gives_the_same_figures_as_memory(tmp_path):
    views = predict([0, 0, 0, 1, 1, 1, 2, 2, 2]).assign(age=70, p_value=0.04)
    views.to_csv(tmp_path / "predictions.csv", index=False, encoding="utf-8-sig")
    read = read_predictions(tmp_path / "predictions.csv")
    assert read["patient"].iloc[0] == "00"
    assert class_names(read) == list(CLASSES)  # the carried p_value is no grade
    assert evaluate(read, None, resamples=50) == evaluate(views, None, resamples=50)


def test_a_grade_may_be_called_none(tmp_path):
    views = predict([0, 0, 1, 1], classes=("Low-grade IN", "None"))
    views.to_csv(tmp_path / "predictions.csv", index=False)
    assert set(read_predictions(tmp_path / "predictions.csv")["grade"]) == {"Low-grade IN", "None"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.drop(columns=["grade", "angle"]), "missing column.*angle, grade"),
        (lambda v: v.drop(columns=["p_poor", "p_moderate"]), "two or more p_<class>"),
        (lambda v: v.iloc[:0], "no rows"),
        (lambda v: v.assign(grade=["good", *v["grade"][1:]]), "row 2: grade is none of poor, moderate, well"),
        (lambda v: v.assign(predicted=[*v["predicted"][:-1], "good"]), "row 49: predicted is none of"),
        (lambda v: v.assign(p_poor=[np.nan, *v["p_poor"][1:]]), "row 2: a probability is not a number"),
        (lambda v: v.assign(p_poor=["x", *v["p_poor"][1:]]), "row 2: a probability is not a number"),
        (
            lambda v: v.assign(p_poor=v["p_poor"] + 0.01),
            r"row 2, 3, 4, 5, 6 and 43 more: the probabilities do not",
        ),
        (lambda v: v.assign(p_poor=1.5, p_well=-0.5, p_moderate=0.0), "outside 0..1"),
        (
            lambda v: v.assign(p_poor=0.1, p_moderate=0.1, p_well=0.8, predicted="poor"),
            "not the most probable",
        ),
        (lambda v: v.assign(angle=0.0), "given twice"),
        (
            lambda v: v.assign(patient=["99", *v["patient"][1:]]),
            "row 2, 3: the image has more than one patient",
        ),
        (lambda v: v.assign(split=["val", *v["split"][1:]]), "row 2, 3: the image has more than one split"),
    ],
)
def test_a_broken_file_is_refused_by_row(tmp_path, change, message):
    path = tmp_path / "predictions.csv"
    change(predict([0, 0, 1, 1, 2, 2])).to_csv(path, index=False)
    with pytest.raises(UserError, match=message) as error:
        read_predictions(path)
    assert str(path) in str(error.value)


def test_all_faults_are_reported_at_once(tmp_path):
    views = predict([0, 0, 1, 1, 2, 2])
    views.loc[0, "grade"], views.loc[3, "p_well"] = "good", np.nan
    views.to_csv(tmp_path / "predictions.csv", index=False)
    with pytest.raises(UserError, match=r"row 2: grade is none.*row 5: a probability is not a number"):
        read_predictions(tmp_path / "predictions.csv")


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "empty.csv").touch()
    for name in ("absent.csv", "empty.csv"):
        with pytest.raises(UserError, match=name):
            read_predictions(tmp_path / name)


def test_no_test_rows_is_an_error():
    with pytest.raises(UserError, match="no row of split 'test'"):
        evaluate(predict([0, 1, 2]).assign(split="val"), None)


def test_json_is_strict_and_leaves_nothing_behind(tmp_path):
    found = evaluate(predict([0, 0, 1, 1]), None, resamples=20)
    write_json(found, tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text()) == found
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    with pytest.raises(ValueError, match="JSON"):
        write_json({"value": float("nan")}, tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text()) == found


# ── table ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_is_readable_at_80_columns():
    classes = ("Low-grade IN", "b", "Adenocarcinoma of the colon")
    found = evaluate(predict([0] * 5 + [1] * 5 + [2] * 5, classes=classes), None, resamples=50)
    text = table(found)
    assert max(map(len, text.splitlines())) <= 80
    row = next(line for line in text.splitlines() if line.startswith("Low-grade IN"))
    image, patient = (
        found["image"]["per_class"]["Low-grade IN"],
        found["patient"]["per_class"]["Low-grade IN"],
    )
    shown = [
        f"{100 * c[name]['value']:.1f}" for c in (image, patient) for name in ("precision", "recall", "f1")
    ]
    assert row.split()[2:] == [*shown[:3], "20", *shown[3:], "5"]
    accuracy = found["patient"]["accuracy"]
    assert f"{100 * accuracy['value']:.1f} %  (95 % CI {100 * accuracy['low']:.1f}–" in text
    assert "LEAKING" not in text


def test_the_table_says_when_the_split_leaks():
    views = predict([0, 0, 1, 1, 2, 2])
    split = views.drop_duplicates("image")[["image", "patient", "grade", "split"]]
    sibling = split.iloc[[0]].assign(image="other.png", split="train")
    text = table(evaluate(views, pd.concat([split, sibling]), resamples=20))
    assert "LEAKING: 4 of 24 test images share a patient" in text
    assert max(map(len, text.splitlines())) <= 80


def test_nothing_right_of_predictions_imports_torch():
    code = (
        "import sys, livergrade.evaluation.metrics;"
        "import livergrade.reports.run_plots, livergrade.reports.run_report;"
        "bad = {'torch', 'lightning', 'hydra', 'matplotlib.pyplot', 'sklearn'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_intervals_over_patients_cover_the_truth_and_naive_ones_do_not():
    """500 cohorts of 60 patients with six images each; the chance of a right grade varies by patient."""
    rng = np.random.default_rng(0)
    patients, images, trials = 60, 6, 500
    truth = np.repeat(np.arange(patients) % 3, images)
    patient = np.repeat(np.arange(patients), images)
    covered = np.zeros(2)
    for _ in range(trials):
        chance = rng.beta(2.0, 1.0, patients)  # mean 2/3
        right = rng.random((patients, images)) < chance[:, None]
        called = np.where(right.ravel(), truth, (truth + 1) % 3)
        level = level_of(truth, 0.2 + 0.4 * np.eye(3)[called], patient)
        weights = draw_patients(np.arange(patients) % 3, 1000, rng)
        drawn = count_metrics(np.tensordot(weights, patient_counts(level), 1))["accuracy"]
        intervals = percentiles(drawn), naive_accuracy(level, 1000, rng)
        covered += [low <= 2 / 3 <= high for low, high in intervals]
    by_patient, naive = covered / trials
    told = f"95 % intervals cover the truth in {by_patient:.1%} of trials, naive ones in {naive:.1%}"
    print(told)  # noqa: T201 - shown by pytest -s
    assert 0.92 <= by_patient <= 0.98
    assert naive < 0.85
