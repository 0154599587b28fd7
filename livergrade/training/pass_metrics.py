"""Metrics of one pass over the data, for TensorBoard: per grade and overall."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassCohenKappa,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from livergrade.training.pass_record import GradedBatchViews


def grading_metrics(classes: int) -> MetricCollection:
    """Return the metrics of predicted grades; every average is explicit, as torchmetrics' defaults differ.

    The accuracy of one class is that of the paper's Table 5: the share of that class graded correctly, which
    is recall. Views are gathered from all processes first, so the metrics need no synchronisation.
    """
    options: dict[str, Any] = {"num_classes": classes, "sync_on_compute": False, "validate_args": False}
    return MetricCollection(
        {
            "accuracy": MulticlassAccuracy(average="micro", **options),
            "balanced_accuracy": MulticlassAccuracy(average="macro", **options),
            "macro_precision": MulticlassPrecision(average="macro", **options),
            "macro_recall": MulticlassRecall(average="macro", **options),
            "macro_f1": MulticlassF1Score(average="macro", **options),
            "quadratic_kappa": MulticlassCohenKappa(weights="quadratic", **options),
            "class_accuracy": MulticlassAccuracy(average=None, **options),
            "class_precision": MulticlassPrecision(average=None, **options),
            "class_recall": MulticlassRecall(average=None, **options),
            "class_f1": MulticlassF1Score(average=None, **options),
            "confusion": MulticlassConfusionMatrix(**options),
        }
    )


def _auroc(score: NDArray[np.float32], positive: NDArray[np.bool_]) -> float:
    """Share of the pairs of a positive and a negative view that are ranked correctly, ties counting half.

    A pass of training has thousands of views: both sorted, this is ten times as fast as torchmetrics' curve.
    """
    ranked, views = np.sort(score[~positive]), np.sort(score[positive])
    wins = sum(int(np.searchsorted(ranked, views, side).sum()) for side in ("left", "right"))
    return wins / (2 * len(ranked) * len(views))


def measure(
    metrics: MetricCollection, seen: GradedBatchViews, classes: list[str]
) -> tuple[dict[str, Tensor], NDArray[np.int64]]:
    """Return the metrics of a pass by name, like ``accuracy`` or ``recall/poor``, and the confusion matrix.

    A grade without views has no metrics, and one that was not predicted a precision of NaN; with a single
    grade there is no kappa and no AUROC: torchmetrics would return 0 and NaN. All is computed on the host:
    on a GPU each of these metrics would make it wait several times.

    Args:
        metrics: from :func:`grading_metrics`.
        seen: the graded views of the pass, on the CPU.
        classes: the grades, worst to best.
    """
    scores = seen.probabilities.numpy()
    metrics.reset()
    metrics.update(torch.from_numpy(scores.argmax(1)), seen.grade)
    measured = metrics.compute()
    confusion = measured.pop("confusion").numpy()
    present = [number for number in range(len(classes)) if confusion[number].sum()]
    if len(present) > 1:
        truth = seen.grade.numpy()
        areas = [_auroc(scores[:, k], truth == k) if k in present else np.nan for k in range(len(classes))]
        measured["class_auroc"] = torch.tensor(areas)
        measured["macro_auroc"] = measured["class_auroc"][present].mean()
    else:
        del measured["quadratic_kappa"]
    named_values = {"loss": seen.loss.mean()}
    for name, value in measured.items():
        if name.startswith("class_"):
            tag = name.removeprefix("class_")
            if tag == "precision":
                value = value.masked_fill(value.new_tensor(confusion.sum(0)) == 0, torch.nan)
            named_values |= {f"{tag}/{classes[number]}": value[number] for number in present}
        else:
            named_values[name] = value
    return {name: value.float() for name, value in named_values.items()}, confusion
