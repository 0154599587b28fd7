"""What a comparison of two models will show: its power, the difference it can find, and equivalence.

Studies are drawn, and each is measured and tested as `livergrade.compare` does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.decision import ALPHA, POWER, Compared, decide
from livergrade.evaluation.intervals import CONFIDENCE, Bools, Jackknife, too_few_differ
from livergrade.evaluation.paired import difference
from livergrade.evaluation.paired_tests import trainings_test
from livergrade.evaluation.sample import Sample
from livergrade.evaluation.trainings import Inference
from livergrade.evaluation.two_models import TwoModels, quantile

GRADES = ["1", "2", "3"]
"""Whatever grades are called, and how many there are: accuracy is the same in each."""
STUDIES = 400
"""Studies that are drawn for a power, which is then known to ± 2 points (standard error at 80 %)."""
SIZES = (12, 25, 50, 100, 200, 400)
"""Numbers of test patients at which the power is simulated; between them it is interpolated."""
TRIES = 5
"""Differences that are tried for the detectable one."""


@dataclass(frozen=True)
class Design:
    """How a comparison is made.

    Attributes:
        patients: number of test patients; with folds, each is tested in one of them.
        seeds: trainings of each model, or of each of its folds.
        folds: folds of a cross-validation; 0: every training tests all test patients.
    """

    patients: int
    seeds: int
    folds: int = 0


@dataclass(frozen=True)
class Shown:
    """What drawn studies of a design show.

    Attributes:
        power: share of the studies that find the difference, in favour of the better model.
        equivalent: share of them whose verdict is equivalent.
        detectable: median of the detectable differences that they print, a share; None without an interval.
    """

    power: float
    equivalent: float
    detectable: float | None


def power(design: Design, models: TwoModels, *, studies: int = STUDIES, seed: int = 0) -> float:
    """Share of drawn studies that find the difference, in favour of the better model; see `shown`."""
    found = sum(_finds(*measured) for measured in _measured(design, models, studies, seed))
    return found / studies


def shown(
    design: Design, models: TwoModels, margin: float, *, studies: int = STUDIES, seed: int = 0
) -> Shown:
    """Draw studies of a design, and test and decide each as a comparison does.

    Args:
        design: at least two seeds or folds.
        models: the two models.
        margin: difference in accuracy that does not matter, a share.
        studies: how many studies are drawn.
        seed: seed of what is drawn; the same studies are drawn for other differences.
    """
    found = equivalent = 0
    detectable = []
    for gain, inference in _measured(design, models, studies, seed):
        p = trainings_test(inference)["p"]
        (decision,) = decide([Compared("first", "second", gain, p, inference)], margin)
        found += _finds(gain, inference)
        equivalent += decision["verdict"] == "equivalent"
        detectable.append(np.inf if decision["detectable"] is None else decision["detectable"])
    median = float(np.median(detectable))
    return Shown(found / studies, equivalent / studies, median if np.isfinite(median) else None)


def _finds(gain: float, inference: Inference | None) -> bool:
    p = trainings_test(inference)["p"]
    return p is not None and p < ALPHA and gain > 0


def _measured(
    design: Design, models: TwoModels, studies: int, seed: int
) -> Iterator[tuple[float, Inference | None]]:
    """The difference in accuracy of each drawn study, and what tests need of it."""
    rng = np.random.default_rng([seed, design.patients, design.seeds, design.folds])
    fold = np.arange(design.patients) % max(design.folds, 1)
    names = pd.Index([f"{number:05d}" for number in range(design.patients)])
    grades = np.sort(np.arange(design.patients) % len(GRADES))
    sample = Sample(names, Jackknife(grades), fold if design.folds else fold[:0], same=True, classes=GRADES)
    for _ in range(studies):
        correct = models.draw(design.seeds, fold, rng)
        values = _accuracies(correct, fold, design.folds)
        few = too_few_differ(int((correct[0] != correct[1]).any(0).sum()), "patient")
        measured, inference = difference("accuracy", values[0], values[1], "patient", sample, few)
        yield measured["value"] or 0.0, inference


def _accuracies(correct: Bools, fold: Ints, folds: int) -> Floats:
    """Accuracy of each training; without each patient; without each fold, float64 [2, S, 1 + P + F]."""
    patients, total = correct.shape[-1], correct.sum(-1, keepdims=True)
    parts = [total / patients, (total - correct) / (patients - 1)]
    if folds:
        inside = np.eye(folds)[fold]  # [P, F]
        parts.append((total - correct @ inside) / (patients - inside.sum(0)))
    return np.concatenate(parts, -1)


def power_curve(design: Design, models: TwoModels, *, studies: int = STUDIES) -> list[tuple[int, float]]:
    """Power at numbers of test patients, up to where it is nearly 1: pairs of patients and power.

    Args:
        design: its number of patients does not count.
        models: the two models.
        studies: how many studies are drawn at each number.
    """
    curve: list[tuple[int, float]] = []
    for patients in SIZES:
        of_size = replace(design, patients=patients)
        curve.append((patients, power(of_size, models, studies=studies)))
        if len(curve) > 1 and min(curve[-2][1], curve[-1][1]) > 0.98:
            break
    return curve


def patients_at(curve: Sequence[tuple[int, float]], wanted: float = POWER) -> int | None:
    """Test patients from which on the power is reached, interpolated; None: the curve ends below."""
    sizes, powers = np.array(curve, float).T
    rising = np.maximum.accumulate(powers)
    if rising[-1] < wanted:
        return None
    if rising[0] >= wanted:
        return int(sizes[0])
    above = int(np.argmax(rising >= wanted))
    scale = [quantile(min(max(value, 0.001), 0.999)) for value in (rising[above - 1], rising[above], wanted)]
    part = (scale[2] - scale[0]) / max(scale[1] - scale[0], 1e-9)
    ends = np.log(sizes[above - 1 : above + 1])
    return int(np.ceil(np.exp(ends[0] + part * (ends[1] - ends[0])) - 1e-9))


def detectable_difference(
    design: Design, models: TwoModels, printed: float | None, *, studies: int = STUDIES
) -> float | None:
    """Smallest true difference, a share, that a design finds with the power `POWER`.

    The further the models are apart, the more patients they grade differently.

    Args:
        design: at least two seeds or folds.
        models: the two models; how far they are apart does not count.
        printed: the one that such studies print, see `Shown`, from which it is looked for.
        studies: how many studies are drawn at each difference.

    Returns:
        None if no difference can be found that leaves the better model below an accuracy of 99.5 %.
    """
    highest = 2 * min(0.995 - models.accuracy, models.accuracy - 0.005)
    apart = printed or highest
    for _ in range(TRIES):
        apart = min(apart, highest)
        reached = power(design, replace(models, apart=apart), studies=studies)
        if abs(reached - POWER) < 0.01:
            break
        if apart == highest and reached < POWER:
            return None
        found = quantile((1 + CONFIDENCE) / 2) + quantile(min(max(reached, 0.01), 0.99))
        apart *= (quantile((1 + CONFIDENCE) / 2) + quantile(POWER)) / found
    return min(apart, highest)
