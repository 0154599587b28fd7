"""Figures of a pass against scikit-learn."""

import numpy as np
import torch
from sklearn import metrics as sk

from livergrade.training.pass_metrics import grading_metrics, measure
from livergrade.training.pass_record import GradedBatchViews


def test_metrics_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    grades, scores = rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1], 200)
    told = scores.argmax(1)
    facts = torch.stack([*torch.zeros(2, 200), torch.tensor(grades), torch.ones(200)], 1)
    seen = GradedBatchViews(torch.cat([facts, torch.tensor(scores)], 1))
    ours, confusion = measure(grading_metrics(3), seen, ["a", "b", "c"])
    by_grade = {
        "accuracy": sk.recall_score(grades, told, average=None),
        "precision": sk.precision_score(grades, told, average=None),
        "recall": sk.recall_score(grades, told, average=None),
        "f1": sk.f1_score(grades, told, average=None),
        "auroc": [sk.roc_auc_score(grades == code, scores[:, code]) for code in range(3)],
    }
    expected = {
        "loss": 1,
        "accuracy": sk.accuracy_score(grades, told),
        "balanced_accuracy": sk.balanced_accuracy_score(grades, told),
        "macro_precision": sk.precision_score(grades, told, average="macro"),
        "macro_recall": sk.recall_score(grades, told, average="macro"),
        "macro_f1": sk.f1_score(grades, told, average="macro"),
        "macro_auroc": np.mean(by_grade["auroc"]),
        "quadratic_kappa": sk.cohen_kappa_score(grades, told, weights="quadratic"),
    }
    for name, values in by_grade.items():
        expected |= {f"{name}/{grade}": value for grade, value in zip("abc", values, strict=True)}
    assert set(ours) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(ours[name], value, atol=1e-6, err_msg=name)
    assert (confusion == sk.confusion_matrix(grades, told)).all()


def test_the_precision_of_a_grade_that_was_not_predicted_is_no_0() -> None:
    # row, degrees, grade, loss, probabilities
    views = [[0, 0, 0, 0.1, 0.8, 0.1, 0.1], [1, 0, 1, 2.0, 0.8, 0.1, 0.1]]
    told, _ = measure(grading_metrics(3), GradedBatchViews(torch.tensor(views)), ["a", "b", "c"])
    assert told["precision/a"].item() == 0.5
    assert told["precision/b"].isnan()
    assert told["recall/b"].item() == 0
    assert "precision/c" not in told
