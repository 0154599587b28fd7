"""Decision curve: the net benefit of acting on the probability of the worst grade.

Somebody who would act, as by a closer look or a treatment, once the worst grade is at least so probable (the
threshold), says how much a case that is missed weighs against an action in vain: threshold / (1 − threshold).
The net benefit is the share of true positives less that of false positives at this weight (Vickers & Elkin,
Med. Decis. Making 26, 2006). It is compared with acting on all and on none. No interval is given: at test
sets of this size none was simulated.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.intervals import Bools
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.predictions import class_names

THRESHOLDS = tuple(percent / 100 for percent in range(1, 100))
"""Threshold probabilities of the curve."""


class BenefitPoint(TypedDict):
    """One point of a decision curve.

    Attributes:
        threshold: probability of the worst grade from which one acts.
        model: net benefit of acting on the model, in true positives a row.
        treat_all: net benefit of acting on every row; acting on none has 0.
    """

    threshold: float
    model: float
    treat_all: float


class LevelBenefit(TypedDict):
    """Decision curve of one level.

    Attributes:
        n: rows (patients or images).
        positives: rows of the worst grade.
        curve: one point per threshold.
    """

    n: int
    positives: int
    curve: list[BenefitPoint]


class NetBenefit(TypedDict):
    """Decision curves of the worst grade against the rest.

    Attributes:
        grade: the worst grade.
        patient: curve over patients.
        image: curve over images, each with the same weight.
    """

    grade: str
    patient: LevelBenefit
    image: LevelBenefit


def net_benefits(positive: Bools, probability: Floats, thresholds: Floats) -> Floats:
    """Net benefit at each threshold: TP / n − FP / n · threshold / (1 − threshold), float64 [T].

    Args:
        positive: whether each row is of the grade, bool [N].
        probability: probability of the grade, float64 [N].
        thresholds: from which one acts, below 1, float64 [T].
    """
    acts = probability >= thresholds[:, None]
    true, false = (acts & positive).mean(1), (acts & ~positive).mean(1)
    return np.asarray(true - false * thresholds / (1 - thresholds), np.float64)


def decision_curves(predictions: pd.DataFrame) -> NetBenefit:
    """Decision curves of the test images and patients, with the probabilities of ``predictions.csv``.

    Args:
        predictions: a checked table of predictions.
    """
    levels = aggregate(predictions[predictions["split"] == "test"])
    thresholds = np.array(THRESHOLDS)

    def curve(level: str) -> LevelBenefit:
        positive, probability = levels[level].truth == 0, levels[level].scores[:, 0]
        model = net_benefits(positive, probability, thresholds)
        treat_all = net_benefits(positive, np.ones(len(positive)), thresholds)
        return {
            "n": len(positive),
            "positives": int(positive.sum()),
            "curve": [
                {"threshold": threshold, "model": float(by_model), "treat_all": float(by_all)}
                for threshold, by_model, by_all in zip(THRESHOLDS, model, treat_all, strict=True)
            ],
        }

    return {"grade": class_names(predictions)[0], "patient": curve("patient"), "image": curve("image")}


def best_between(level: LevelBenefit) -> list[tuple[float, float]]:
    """Ranges of thresholds, first and last, where the model beats acting on all and acting on none."""
    ranges: list[tuple[float, float]] = []
    before = False
    for point in level["curve"]:
        better = point["model"] > max(point["treat_all"], 0) + 1e-12
        if better and before:
            ranges[-1] = (ranges[-1][0], point["threshold"])
        elif better:
            ranges.append((point["threshold"], point["threshold"]))
        before = better
    return ranges
