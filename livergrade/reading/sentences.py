"""What agreement shows, in words, and what to know before it is read."""

from __future__ import annotations

from collections.abc import Sequence

from livergrade.evaluation.arrays import Ints
from livergrade.evaluation.intervals import LEAST
from livergrade.reading.agreement import Together
from livergrade.reading.machine import Machine
from livergrade.reading.pairs import Pair
from livergrade.reading.ratings import NONE, Ratings
from livergrade.reports.format import bounds, number


def sentences(
    readers: Sequence[str],
    pairs: Sequence[Pair],
    all_of_them: Together,
    repeats: Sequence[Pair],
    machine: Machine | None,
) -> list[str]:
    """The main results, a sentence each."""
    told = []
    known = [one["agreement"]["value"] for one in pairs if one["agreement"]["value"] is not None]
    if len(known) == 1:
        told.append(f"The two readers give the same grade to {_percent(known[0])} of the images.")
    elif known:
        told.append(
            f"Two of the {len(readers)} readers give the same grade to {_percent(min(known))} to "
            f"{_percent(max(known))} of the images, by pair."
        )
    alpha = all_of_them["krippendorff_alpha"]
    if alpha["value"] is not None:
        beside = f" (95 % interval {bounds(alpha, 'score')})" if alpha["low"] is not None else ""
        told.append(f"Krippendorff’s alpha for ordered grades is {number(alpha['value'], 'score')}{beside}.")
    for one in repeats:
        value = one["agreement"]["value"]
        assert value is not None  # there are rows
        told.append(f"{one['first']} repeats the first grade in {_percent(value)} of {one['images']} images.")
    return told + (_of_network(machine) if machine else [])


def _of_network(machine: Machine) -> list[str]:
    mean, between = machine["mean_with_readers"], machine["mean_of_readers"]
    if mean is None:
        return []
    told = [f"The network gives the same grade as a reader to {_percent(mean)} of the images, on average."]
    if between is not None and machine["lowest"] is not None and machine["highest"] is not None:
        if len(machine["human"]) == 1:
            told[0] = told[0][:-1] + f"; the two readers agree on {_percent(between)} of the same images."
        else:
            told[0] = told[0][:-1] + (
                f"; that is {machine['inside']} the band of the pairs of readers on the same images ("
                f"{_percent(machine['lowest'])} to {_percent(machine['highest'])}, mean {_percent(between)})."
            )
    if "difference" in machine and machine["difference"]["value"] is not None:
        item = machine["difference"]
        beside = (
            f" (95 % interval {bounds(item, 'share')})" if item["low"] is not None else f" ({item['reason']})"
        )
        apart = number(item["value"] or 0.0, "share")
        told.append(f"Network with reader less reader with reader: {apart} points{beside}.")
        if item["low"] is not None and item["high"] is not None and item["low"] <= 0 <= item["high"]:
            told[-1] = told[-1][:-1] + ": this does not tell the network apart from a reader."
    if "alternative" in machine and (rate := machine["alternative"]["winning_rate"]) is not None:
        test = machine["alternative"]
        done = "passes" if test["passed"] else "does not pass"
        told.append(
            f"It {done} the alternative annotator test with ε = {test['epsilon']:g}: it may stand in for "
            f"{sum(one['better'] for one in test['readers'])} of {len(test['readers'])} readers "
            f"(ω = {rate:.2f}; it takes 0.5)."
        )
    return told


def cautions(ratings: Ratings, machine: Machine | None, graded: Ints | None) -> list[str]:
    """What to know before the results are read."""
    told = []
    if len(ratings.readers) == 1:
        told.append(f"One reader alone ({ratings.readers[0]}): agreement of readers is unknown.")
    if len(ratings.patients) < LEAST:
        count = "one patient" if len(ratings.patients) == 1 else f"{len(ratings.patients)} patients"
        told.append(f"{count}: an interval that holds takes {LEAST}, so values stand alone.".capitalize())
    if ratings.left_out:
        listed = ", ".join(f"{count} {why}" for why, count in ratings.left_out.items())
        told.append(f"Readings that do not count: {listed}.")
    if machine and graded is not None and (lacking := int((graded == NONE).sum())):
        told.append(
            f"The network graded {machine['images']} of the {len(ratings.images)} images; the other "
            f"{lacking} are in the agreement of the readers alone."
        )
    return told


def _percent(value: float) -> str:
    return f"{number(value, 'share')} %"
