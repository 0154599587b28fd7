"""Every figure of the catalogue against scikit-learn, torchmetrics, and a plain loop over resamples."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from livergrade.evaluation.intervals import draw_patients
from livergrade.evaluation.levels import LEVELS, aggregate
from livergrade.evaluation.metric_catalog import weighted_metrics
from tests.conftest import examples
from tests.evaluation.simulated import level_of, predict, scored


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
        kappa = np.nan if len(np.unique(truth)) == 1 else kappa  # scikit-learn: 0, whatever was predicted
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
    precisions = [
        sk.average_precision_score(truth == c, scores[:, c]) if (truth != c).any() else np.nan
        for c in present
    ]
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
        "recall": tm.multiclass_recall(*given_, average="none")[present],
    }
    if several:
        expected["auroc"] = tm.multiclass_auroc(*given_, average="none")[present]
        expected["average_precision"] = tm.multiclass_average_precision(*given_, average="none")[present]
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
        if name == "ece_debiased":  # it counts patients, who are one here
            continue
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-9, equal_nan=True, err_msg=name)


LINEARISED = {"calibration_slope", "ece_debiased"}
"""The slope is fitted under the first weighting alone, the error counts patients: see test_calibration.py."""


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
                "calibration_intercept": np.mean(truth - scores @ np.array(labels)),
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
    levels, drawn = aggregate(views), examples(40)
    weights = draw_patients(levels["patient"].truth, drawn, np.random.default_rng(7))
    expected = slow(levels[name], weights)
    found = weighted_metrics(levels[name], weights)
    assert found.keys() - LINEARISED == expected.keys()
    for figure, values in expected.items():
        np.testing.assert_allclose(found[figure], values, rtol=0, atol=1e-9, err_msg=figure)
