"""Names, descriptions and charts of TensorBoard's curves: ``<metric>/<set>`` and ``<metric>/<set>/<grade>``.

``history.csv`` and the callbacks have the same numbers as ``<set>/<metric>/<grade>``. TensorBoard groups by
what comes first, and there the sets of one metric belong together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SETS = {
    "train": "training views as the network saw them",
    "val": "validation views",
    "test": "test views",
    "images": "test images, each graded by the mean over its views",
    "patients": "test patients, each graded by the mean over the images",
}
"""What is measured, and what it is."""

VIEWS = ("train", "val", "test")
"""The sets of views, which stand in one chart."""

OVERALL = {
    "accuracy": "share that is graded correctly",
    "balanced_accuracy": "mean over the grades of the share that is graded correctly",
    "macro_f1": "mean over the grades of F1",
    "macro_precision": "mean over the grades of the precision",
    "macro_recall": "mean over the grades of the recall",
    "macro_auroc": "mean over the grades of the AUROC of the grade against the rest",
    "quadratic_kappa": "agreement beyond chance, a distance of two grades counting four times (1: perfect)",
    "loss": "mean cross-entropy in nats, without class weights or smoothed targets",
    "accuracy_low": "lower end of the 95 % interval of the accuracy",
    "accuracy_high": "upper end of the 95 % interval of the accuracy",
}
"""Metrics of a whole set, and what they mean."""

BY_GRADE = {
    "precision": "share of the views predicted as the grade that are of it",
    "recall": "share of the grade's views that are predicted as it",
    "f1": "harmonic mean of precision and recall of the grade",
    "auroc": "share of the pairs of a view of the grade and another that its probability ranks correctly",
}
"""Metrics of one grade, and what they mean."""

_OTHERS = {
    "loss_smooth/val": "The validation loss averaged over the epochs, the last one counting half; the epoch "
    "where it is lowest is tested.",
    "lr": "Learning rate after the epoch, of the first group of weights.",
}
_EPOCH = "Step: the epoch, counted from 1."
_TESTED = "Step: the epoch whose network was tested, counted from 1; 0 where that is not known."


def tag_of(name: str) -> str:
    """Return the tag of a number, ``f1/val/poor`` for ``val/f1/poor``; others keep their name."""
    part, _, rest = name.partition("/")
    if part not in SETS or not rest:
        return name
    metric, slash, grade = rest.partition("/")
    return f"{metric}/{part}{slash}{grade}"


def name_of(tag: str) -> str:
    """Return the name of a tag, the other way round."""
    metric, _, rest = tag.partition("/")
    part, slash, grade = rest.partition("/")
    return f"{part}/{metric}{slash}{grade}" if part in SETS else tag


def describe(tag: str) -> str:
    """Return what TensorBoard shows about a tag: what it is, of what, and what a step is."""
    metric, _, rest = tag.partition("/")
    part, _, grade = rest.partition("/")
    if tag in _OTHERS or part not in SETS:
        return f"{_OTHERS.get(tag, '')} {_EPOCH}".strip()
    # The accuracy of one grade is its recall, as the paper has it.
    meaning = BY_GRADE["recall" if metric == "accuracy" else metric] if grade else OVERALL[metric]
    of_grade = f" Grade: {grade}." if grade else ""
    step = _EPOCH if part in ("train", "val") else _TESTED
    return f"{meaning[0].upper()}{meaning[1:]}; {SETS[part]}.{of_grade} {step}"


def layout(classes: Sequence[str]) -> dict[str, dict[str, list[object]]]:
    """Return the charts of the tab CUSTOM SCALARS, as ``SummaryWriter.add_custom_scalars`` takes them.

    Args:
        classes: the grades, worst to best.
    """
    overall = {
        metric: [f"{metric}/{part}" for part in VIEWS] for metric in OVERALL if "accuracy_" not in metric
    }
    overall["loss"].append("loss_smooth/val")
    charts = {"Training, validation and test": overall}
    for part, heading in (("val", "Validation, by grade"), ("test", "Test, by grade")):
        charts[heading] = {metric: [f"{metric}/{part}/{grade}" for grade in classes] for metric in BY_GRADE}
    return {
        heading: {metric: ["Multiline", [_exactly(tag) for tag in tags]] for metric, tags in metrics.items()}
        for heading, metrics in charts.items()
    }


def _exactly(tag: str) -> str:
    """Return a pattern of this tag alone: TensorBoard takes patterns that begin like a tag."""
    return f"{re.escape(tag)}$"
