"""What is measured of a pass, for TensorBoard: torchmetrics, by grade and over all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassCohenKappa,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from livergrade.training.pass_record import SeenViews


def grading_metrics(classes: int) -> MetricCollection:
    """What is computed at the end of a pass; every average is explicit, since torchmetrics' defaults differ.

    Accuracy of one class is the paper's (its Table 5): the share of that class graded right, which is recall.
    Views are gathered before they are counted, so the metrics themselves do not synchronise processes.
    """
    options: dict[str, Any] = {"num_classes": classes, "sync_on_compute": False}
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
            "class_auroc": MulticlassAUROC(average=None, thresholds=None, **options),
            "confusion": MulticlassConfusionMatrix(**options),
        }
    )


def measure(
    metrics: MetricCollection, seen: SeenViews, classes: list[str]
) -> tuple[dict[str, Tensor], NDArray[np.int64]]:
    """The figures of a pass by name, as ``accuracy`` or ``recall/poor``, and its confusion matrix.

    A grade that is absent has no figures, and a single grade neither kappa nor AUROC: torchmetrics would give
    0 and NaN.

    Args:
        metrics: of :func:`grading_metrics`.
        seen: the views.
        classes: the grades, worst to best.
    """
    metrics.reset()
    measured = metrics(seen.probabilities, seen.grade)
    confusion = measured.pop("confusion").cpu().numpy()
    present = [number for number in range(len(classes)) if confusion[number].sum()]
    if len(present) > 1:
        measured["macro_auroc"] = measured["class_auroc"][present].mean()
    else:
        del measured["quadratic_kappa"], measured["class_auroc"]
    figures = {"loss": seen.loss.mean()}
    for name, value in measured.items():
        if name.startswith("class_"):
            tag = name.removeprefix("class_")
            figures |= {f"{tag}/{classes[number]}": value[number] for number in present}
        else:
            figures[name] = value
    return {name: value.float() for name, value in figures.items()}, confusion
