"""The alternative annotator test: may a network stand in for one of the readers?"""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.intervals import LEAST
from livergrade.reading.pairs import with_each_left_out
from livergrade.reading.ratings import NONE, Ratings

LEVEL = 0.05
"""False discovery rate of the tests of the readers together."""


class Advantage(TypedDict):
    """The network in the place of one reader.

    Attributes:
        reader: who is replaced.
        images: images that the reader, the network and another reader graded.
        network: share of images on which the network is at least as near to the others as the reader.
        human: share of images on which the reader is at least as near to them as the network.
        p: one-sided p-value of the null hypothesis that ``network`` is at most ``human`` less ε; null with
            too few patients.
        better: whether it is rejected, with the false discovery rate held.
    """

    reader: str
    images: int
    network: float | None
    human: float | None
    p: float | None
    better: bool


class Alternative(TypedDict):
    """Result of the test.

    Attributes:
        epsilon: what a reader costs more than the network, a share.
        readers: the test of each reader.
        winning_rate: ω, the share of the readers in whose place the network does; null if none was tested.
        advantage: ρ, the mean of ``network``.
        passed: whether ω is at least one half.
    """

    epsilon: float
    readers: list[Advantage]
    winning_rate: float | None
    advantage: float | None
    passed: bool


def alternative(ratings: Ratings, network: Ints, epsilon: float) -> Alternative:
    """Test as Calderon, Reichart & Dror (ACL 2025), with patients, not images, as what is independent.

    Of reader j and image i, how near a grade is to the others is the share of the other readers of the image
    who gave it. W^f is 1 if the network is at least as near as reader j, W^h if the reader is at least as
    near as the network; d = W^h − W^f. Tested is H0: mean d ≥ ε by t = (mean d − ε) / s, one-sided, with
    P − 1 degrees of freedom; s is the jackknife standard error over the P patients, where the paper takes
    images as independent. The tests of the readers are held to a false discovery rate of 5 % by Benjamini &
    Yekutieli, as in the paper. ω is the share of readers of whom H0 is rejected.

    Args:
        ratings: at least three readers.
        network: grade of each image, int64 [N].
        epsilon: ε; the paper proposes 0.2 for experts, 0.15 for skilled and 0.1 for other annotators.
    """
    tests = [_test(ratings, network, reader, epsilon) for reader in range(len(ratings.readers))]
    tested = [one for one in tests if one["p"] is not None]
    for one, rejected in zip(tested, _rejected([one["p"] or 0.0 for one in tested]), strict=True):
        one["better"] = rejected
    rate = float(np.mean([one["better"] for one in tested])) if tested else None
    shares = [one["network"] for one in tests if one["network"] is not None]
    return {
        "epsilon": epsilon,
        "readers": tests,
        "winning_rate": rate,
        "advantage": float(np.mean(shares)) if shares else None,
        "passed": rate is not None and rate >= 0.5,
    }


def _near(others: Ints, grade: Ints) -> Floats:
    there = others != NONE
    same = ((others == grade[:, None]) & there).sum(1)
    return np.asarray(same / np.maximum(there.sum(1), 1), np.float64)


def _test(ratings: Ratings, network: Ints, reader: int, epsilon: float) -> Advantage:
    from scipy.special import stdtr  # slow to import

    own, others = ratings.grades[:, reader], np.delete(ratings.grades, reader, 1)
    counted = (own != NONE) & (others != NONE).any(1)
    found: Advantage = {
        "reader": ratings.readers[reader],
        "images": int(counted.sum()),
        "network": None,
        "human": None,
        "p": None,
        "better": False,
    }
    if not counted.any():
        return found
    part = ratings.among(counted)
    machine, human = _near(others[counted], network[counted]), _near(others[counted], own[counted])
    found["network"], found["human"] = float(np.mean(machine >= human)), float(np.mean(human >= machine))
    patients = len(part.patients)
    if patients < LEAST:
        return found
    rows = np.column_stack([(human >= machine) * 1.0 - (machine >= human), np.ones(len(human))])
    sums = with_each_left_out(part.by_patient(rows))
    values = sums[:, 0] / sums[:, 1]
    error = ((patients - 1) / patients * ((values[1:] - values[1:].mean()) ** 2).sum()) ** 0.5
    away = values[0] - epsilon
    t = away / error if error > 1e-12 else np.sign(away) * np.inf
    found["p"] = 0.5 if away == 0 else float(stdtr(patients - 1, t))
    return found


def _rejected(p_values: list[float]) -> list[bool]:
    """Which hypotheses are rejected (Benjamini & Yekutieli, Ann. Stat. 29, 2001)."""
    tests = len(p_values)
    order = np.argsort(p_values)
    limits = LEVEL * np.arange(1, tests + 1) / (tests * (1 / np.arange(1, tests + 1)).sum())
    held = np.flatnonzero(np.sort(p_values) <= limits)
    rejected = np.zeros(tests, bool)
    if len(held):
        rejected[order[: held[-1] + 1]] = True
    return rejected.tolist()
