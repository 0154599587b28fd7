"""The most probable grade of each image and the confusion matrix of each reader, both unknown at first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livergrade.evaluation.arrays import Floats, Ints

PRIOR = 0.5
"""Pseudo-readings in each cell of a reader's matrix, and pseudo-images of each grade: no zero is certain."""
STEPS, CLOSE = 2000, 1e-10


@dataclass(frozen=True)
class DawidSkene:
    """What the algorithm found.

    Attributes:
        grade: probability of each grade of each image, float64 [N, K].
        confusion: of each reader the probability of what is said of an image (column) by its grade (row),
            float64 [R, K, K].
        share: probability of each grade, float64 [K].
        steps: steps that it took.
        likelihood: logarithm of the probability of all readings, in nats, without the prior.
    """

    grade: Floats
    confusion: Floats
    share: Floats
    steps: int
    likelihood: float


def dawid_skene(grades: Ints, classes: int, prior: float = PRIOR) -> DawidSkene:
    """Expectation-maximisation of Dawid & Skene (Appl. Stat. 28, 1979), with a prior.

    It starts from the share of readers who gave each grade, so that the same readings give the same result,
    and ends when no probability changes by more than `CLOSE`. Readers are taken to err independently of each
    other given the grade: readers who share a habit get too much weight.

    Args:
        grades: int64 [N, R]; −1: not read. Each image has at least one reading.
        classes: number of grades K.
        prior: pseudo-readings and pseudo-images, above 0; near 0 it is the maximum likelihood of the paper.
    """
    said = (grades[:, :, None] == np.arange(classes)).astype(np.float64)  # [N, R, K]
    posterior = said.sum(1) / said.sum((1, 2))[:, None]
    for step in range(1, STEPS + 1):  # noqa: B007 - reported in the result
        counts = np.einsum("nk,nrl->rkl", posterior, said) + prior
        confusion = counts / counts.sum(2, keepdims=True)
        share = posterior.sum(0) + prior
        share /= share.sum()
        joint = np.log(share) + np.einsum("nrl,rkl->nk", said, np.log(confusion))
        highest = joint.max(1, keepdims=True)
        whole = highest + np.log(np.exp(joint - highest).sum(1, keepdims=True))
        before, posterior = posterior, np.exp(joint - whole)
        if np.abs(posterior - before).max() < CLOSE:
            break
    return DawidSkene(posterior, confusion, share, step, float(whole.sum()))
