"""What a run shows in one sentence, and what it does not show."""

from __future__ import annotations

from typing import Any

import numpy as np

from livergrade.evaluation.intervals import FEW
from livergrade.evaluation.summary import RunMetrics


def majority(metrics: RunMetrics) -> dict[str, Any]:
    """The ``grade`` that most test patients have, and the ``share`` always answering it gets right."""
    rows = np.sum(metrics["patient"]["confusion"], axis=1)
    return {"grade": metrics["classes"][int(rows.argmax())], "share": rows.max() / rows.sum()}


def verdict(metrics: RunMetrics, model: str) -> str:
    """One sentence that claims no more than the interval does."""
    accuracy, most = metrics["patient"]["accuracy"], majority(metrics)
    right = round(accuracy["value"] * accuracy["n"])
    told = f"{model} graded {right} of {accuracy['n']} test patients rightly"
    against = f"always answering “{most['grade']}” ({100 * most['share']:.1f} %)"
    if metrics["leakage"]["leaking"]:
        return f"{told}, but it had seen other images of theirs: for new patients this shows nothing."
    if accuracy["low"] is None:
        return f"{told}; they are too few for an interval."
    if accuracy["low"] > most["share"]:
        return f"{told}, more than {against} would; the whole 95 % interval lies above that."
    if accuracy["high"] < most["share"]:
        return f"{told}, fewer than {against} would."
    return f"{told}, which does not differ clearly from {against}."


def limits(metrics: RunMetrics, *, split: str, synthetic: bool, trial: bool) -> list[str]:
    """What a reader must not conclude, from the run's own facts.

    Args:
        metrics: what ``metrics.json`` holds.
        split: name of the split.
        synthetic: whether the cohort is the computer-generated one.
        trial: whether passes were cut short.
    """
    found = []
    if synthetic:
        found.append("The images are computer-generated. Nothing here is about patients.")
    if trial:
        found.append("The run was a trial on a few batches.")
    if metrics["leakage"]["leaking"]:
        found.append("The split leaks, so the figures do not hold for new patients.")
    accuracy = metrics["patient"]["accuracy"]
    if accuracy["low"] is not None:
        width = 100 * (accuracy["high"] - accuracy["low"])
        found.append(
            f"{accuracy['n']} test patients leave the accuracy uncertain by {width:.0f} points from end to "
            "end of its interval."
        )
    counts = {
        grade: metrics["patient"]["per_class"][grade]["support"]["value"] for grade in metrics["classes"]
    }
    if few := [f"{grade} ({n})" for grade, n in counts.items() if n < FEW]:
        found.append(f"Fewer than {FEW} test patients of {', '.join(few)}: estimates are unreliable.")
    if split == "kfold":
        found.append("One fold of a cross-validation; the folds together test every patient.")
    elif split == "patient":
        found.append(
            "One split of one cohort: another split or seed gives other figures, and the intervals do not "
            "hold that. Cross-validation and repeats over seeds show it."
        )
    if split == "external":
        found.append("How the other cohort was collected and graded must be told beside these figures.")
    else:
        found.append(
            "Training and test come from the same source. Other scanners, stains and laboratories were not "
            "tested here."
        )
    if metrics["counts"].get("mixed_grade_patients"):
        found.append("Some patients have images of more than one grade and count as the most frequent one.")
    found.append(
        "The grades in the manifest are taken as the truth; how far pathologists agree on them is not known "
        "here."
    )
    return found
