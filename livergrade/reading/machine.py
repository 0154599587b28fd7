"""The network as one more reader: beside each reader, and beside the readers' consensus without one."""

from __future__ import annotations

import itertools
from typing import NotRequired, TypedDict

import numpy as np

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.estimate import Estimate, paired_difference
from livergrade.reading.alternative import Alternative, alternative
from livergrade.reading.coefficients import confusions_of, percent_agreement, share
from livergrade.reading.consensus import consensus, others_consensus
from livergrade.reading.pairs import Pair, jackknife_of, pair, with_each_left_out
from livergrade.reading.ratings import NONE, Ratings

NAME = "the network"
PSEUDO = 0.05
"""Pseudo-patients of the interval of a difference, as of that of two models by image."""


class LeftOut(TypedDict):
    """A reader and the network beside the consensus of all other readers, on the same images.

    Attributes:
        reader: who is not part of the consensus.
        images: images with a grade of the reader and of the network and a consensus of the others.
        of_reader: share of images on which the reader agrees with the others.
        of_network: share of images on which the network does.
        difference: the second less the first.
    """

    reader: str
    images: int
    of_reader: Estimate
    of_network: Estimate
    difference: Estimate


class Machine(TypedDict):
    """The network as one more reader.

    Attributes:
        images: images that the network and at least one reader graded.
        patients: patients of these.
        pairs: agreement with each reader.
        with_consensus: agreement with the consensus of all readers.
        human: agreement of each pair of readers on the images that the network graded.
        mean_with_readers: mean of the network's agreement with each reader.
        mean_of_readers: mean agreement of the pairs of readers; null with one reader.
        difference: the first mean less the second; missing with one reader.
        lowest: lowest agreement of a pair of readers; null with one reader.
        highest: highest agreement of a pair of readers; null with one reader.
        inside: whether the network's mean is in this band, ``below``, ``inside`` or ``above``; null.
        left_out: each reader and the network beside the consensus of the other readers.
        alternative: the alternative annotator test; missing with fewer than three readers.
    """

    images: int
    patients: int
    pairs: list[Pair]
    with_consensus: Pair
    human: list[Pair]
    mean_with_readers: float | None
    mean_of_readers: float | None
    difference: NotRequired[Estimate]
    lowest: float | None
    highest: float | None
    inside: str | None
    left_out: list[LeftOut]
    alternative: NotRequired[Alternative]


def machine_reader(ratings: Ratings, network: Ints, rule: str, epsilon: float) -> Machine:
    """Compare a network with readers on the images that it graded.

    Args:
        ratings: the readers' grades.
        network: grade of each of their images, int64 [N]; `NONE`: not graded.
        rule: of the consensus.
        epsilon: what a reader costs more than the network, for the alternative annotator test.
    """
    counted = (network != NONE) & (ratings.grades != NONE).any(1)
    ratings, network = ratings.among(counted), network[counted]
    readers = range(len(ratings.readers))
    agreed = consensus(ratings.grades, len(ratings.classes), rule, ratings.adjudicated)
    human = [
        pair(ratings.readers[a], ratings.readers[b], (ratings.grades[:, a], ratings.grades[:, b]), ratings)
        for a, b in itertools.combinations(readers, 2)
    ]
    beside = [pair(NAME, ratings.readers[a], (network, ratings.grades[:, a]), ratings) for a in readers]
    values = [one["agreement"]["value"] for one in human]
    between = [value for value in values if value is not None]
    of_network = [one["agreement"]["value"] for one in beside]
    mean = _mean([value for value in of_network if value is not None])
    found: Machine = {
        "images": len(network),
        "patients": len(ratings.patients),
        "pairs": beside,
        "with_consensus": pair(NAME, "consensus", (network, agreed), ratings),
        "human": human,
        "mean_with_readers": mean,
        "mean_of_readers": _mean(between),
        "lowest": min(between, default=None),
        "highest": max(between, default=None),
        "inside": _place(mean, between),
        "left_out": [beside_others(ratings, network, reader, rule) for reader in readers if len(readers) > 1],
    }
    if rule in ("worst", "dawid_skene"):
        for one in found["left_out"]:
            for key in ("of_reader", "of_network", "difference"):
                one[key] = _value_alone(one[key])
    if rule != "majority":
        for name in ("agreement", "kappa", "quadratic_kappa"):
            found["with_consensus"][name] = _value_alone(found["with_consensus"][name])
    if between:
        found["difference"] = mean_difference(ratings, network)
    if len(readers) > 2:
        found["alternative"] = alternative(ratings, network, epsilon)
    return found


def _value_alone(item: Estimate) -> Estimate:
    """The estimate without an interval, beside a consensus for which none was simulated."""
    if item["value"] is None:
        return item
    reason = "the interval beside a consensus by this rule was not simulated; that by majority has one"
    return {"value": item["value"], "n": item["n"], "low": None, "high": None, "reason": reason}


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _place(mean: float | None, between: list[float]) -> str | None:
    if mean is None or not between:
        return None
    if mean < min(between) - 1e-12:
        return "below"
    return "above" if mean > max(between) + 1e-12 else "inside"


def mean_difference(ratings: Ratings, network: Ints) -> Estimate:
    """Mean agreement of the network with readers less that of the readers with each other."""
    readers, classes = range(len(ratings.readers)), len(ratings.classes)

    def mean(columns: list[tuple[Ints, Ints]]) -> Floats:
        each = []
        for first, second in columns:
            sums = with_each_left_out(ratings.by_patient(confusions_of(first, second, classes)))
            if sums[0].sum():  # a pair without a common image is not part of the mean
                each.append(percent_agreement(sums))
        return np.asarray(np.mean(each, 0) if each else np.full(len(ratings.patients) + 1, np.nan))

    machine = mean([(network, ratings.grades[:, a]) for a in readers])
    human = mean(
        [(ratings.grades[:, a], ratings.grades[:, b]) for a, b in itertools.combinations(readers, 2)]
    )
    return paired_difference(
        machine - human, len(network), jackknife_of(len(ratings.patients)), pseudo=PSEUDO
    )


def beside_others(ratings: Ratings, network: Ints, reader: int, rule: str) -> LeftOut:
    """A reader and the network beside the consensus of all others; arguments as of `machine_reader`."""
    others, own = others_consensus(ratings, reader, rule), ratings.grades[:, reader]
    both = (others != NONE) & (own != NONE)
    part = ratings.among(both)
    others, own, network = others[both], own[both], network[both]
    ones = np.ones(len(own))
    sums = np.column_stack([ones, own == others, network == others]).astype(np.float64)
    sums = with_each_left_out(part.by_patient(sums))
    human, machine = share(sums[:, 1], sums[:, 0]), share(sums[:, 2], sums[:, 0])
    return {
        "reader": ratings.readers[reader],
        "images": len(own),
        "of_reader": pair("", "", (own, others), part)["agreement"],
        "of_network": pair("", "", (network, others), part)["agreement"],
        "difference": paired_difference(
            machine - human, len(own), jackknife_of(len(part.patients)), pseudo=PSEUDO
        ),
    }
