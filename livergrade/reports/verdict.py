"""One-sentence summary of a run, and the limits of its results."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from livergrade.config.schema import TrainConfig
from livergrade.evaluation.intervals import FEW
from livergrade.evaluation.summary import RunMetrics


class Majority(TypedDict):
    """Majority grade of the test patients.

    Attributes:
        answer: the most frequent grade, in quotation marks; equally frequent ones joined by “or”.
        share: its share of the patients, which is the accuracy of always predicting it.
    """

    answer: str
    share: float


def majority(metrics: RunMetrics) -> Majority:
    """Majority grade of the test patients, or all grades that are equally frequent."""
    rows = np.sum(metrics["patient"]["confusion"], axis=1)
    answer = " or ".join(f"“{metrics['classes'][k]}”" for k in np.flatnonzero(rows == rows.max()))
    return {"answer": answer, "share": rows.max() / rows.sum()}


def verdict(metrics: RunMetrics, model: str) -> str:
    """One sentence that claims no more than the confidence interval supports."""
    accuracy, majority_grade = metrics["patient"]["accuracy"], majority(metrics)
    right = round(accuracy["value"] * accuracy["n"])
    text = f"{model} graded {right} of {accuracy['n']} test patients correctly"
    against = f"always answering {majority_grade['answer']} ({100 * majority_grade['share']:.1f} %)"
    if metrics["leakage"]["leaking"]:
        return f"{text}, but it was trained on other images of these patients: not valid for new patients."
    if accuracy["low"] is None:
        return f"{text}; these are too few patients for an interval."
    if accuracy["low"] > majority_grade["share"]:
        return f"{text}, more than {against} would; the whole 95 % interval is above that."
    if accuracy["high"] < majority_grade["share"]:
        return f"{text}, fewer than {against} would."
    return f"{text}, which does not differ clearly from {against}."


_ALL_FOLDS = (
    "All folds of a cross-validation, each patient graded by networks that never saw them. The folds share "
    "training patients, and the ensemble of all folds, which answers new patients, was not measured here."
)


def limits(metrics: RunMetrics, config: TrainConfig) -> list[str]:
    """Conclusions that the results of this run do not support, as sentences.

    Args:
        metrics: content of ``metrics.json``.
        config: the run's options: its cohort, its split, and whether passes stopped after a few batches.
    """
    sentences, split = [], config.split.name
    if config.data.name == "synthetic":
        sentences.append("The images are computer-generated. Nothing here is about patients.")
    if config.trainer.limit_batches is not None:
        sentences.append("The run was stopped after a few batches and is only a test of the software.")
    if metrics["leakage"]["leaking"]:
        sentences.append("The split leaks, so the metrics do not hold for new patients.")
    accuracy = metrics["patient"]["accuracy"]
    if accuracy["low"] is not None:
        width = 100 * (accuracy["high"] - accuracy["low"])
        sentences.append(
            f"{accuracy['n']} test patients: the 95 % interval of the accuracy is {width:.0f} points wide."
        )
    counts = {
        grade: metrics["patient"]["per_class"][grade]["support"]["value"] for grade in metrics["classes"]
    }
    if few := [f"{grade} ({n})" for grade, n in counts.items() if n < FEW]:
        sentences.append(f"Fewer than {FEW} test patients of {', '.join(few)}: estimates are unreliable.")
    if config.split.train_patients:
        sentences.append(f"It was trained on {config.split.train_patients} patients (split.train_patients).")
    if "folds" in metrics["how"]:
        sentences.append(_ALL_FOLDS)
    elif split == "kfold":
        sentences.append("One fold of a cross-validation; the folds together test every patient.")
    elif split == "patient":
        sentences.append(
            "One split of one cohort: another split or seed gives other results, and the intervals do not "
            "include that variation. Cross-validation, and repeats over seeds and splits, show it."
        )
    if split == "external":
        sentences.append(
            "How the other cohort was collected and graded must be reported together with these metrics."
        )
    else:
        sentences.append(
            "Training and test come from the same source. Other scanners, stains and laboratories were not "
            "tested here."
        )
    if metrics["counts"].get("mixed_grade_patients"):
        sentences.append(
            "Some patients have images of more than one grade and count as the most frequent one, of "
            "equally frequent ones the worse."
        )
    sentences.append(
        "The grades in the manifest are taken as the truth; how far pathologists agree on them is not known."
    )
    return sentences
