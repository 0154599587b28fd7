"""Tables of agreement: with every digit for CSV, and as text for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from livergrade.evaluation.estimate import Estimate
from livergrade.reading.agreement import Together
from livergrade.reading.machine import Machine
from livergrade.reading.pairs import Pair
from livergrade.reports.format import format_estimate


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: of its file, without extension.
        title: caption.
        columns: names of its columns as they are shown.
        rows: cells as they are shown.
        numbers: the same with every digit.
        labels: number of leading columns that name the row.
        note: what is printed below it.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: pd.DataFrame
    labels: int = 1
    note: str = ""


_OF = {"agreement": "share", "kappa": "score", "quadratic_kappa": "score"}
_PAIR = ("Pair", "Images", "Patients", "Same grade, %", "Cohen’s kappa", "Quadratic kappa")


def _numbers(name: str, item: Estimate) -> dict[str, object]:
    return {
        name: item["value"],
        f"{name}_low": item["low"],
        f"{name}_high": item["high"],
        f"{name}_reason": item.get("reason", ""),
    }


def pair_table(name: str, title: str, pairs: Sequence[Pair]) -> Table:
    """A row for each pair."""
    rows, numbers = [], []
    for one in pairs:
        items = {
            "agreement": one["agreement"],
            "kappa": one["kappa"],
            "quadratic_kappa": one["quadratic_kappa"],
        }
        rows.append(
            [
                f"{one['first']} – {one['second']}",
                f"{one['images']:,}",
                f"{one['patients']:,}",
                *(format_estimate(item, _OF[key]) for key, item in items.items()),
            ]
        )
        found: dict[str, object] = {key: one[key] for key in ("first", "second", "images", "patients")}
        for key, item in items.items():
            found |= _numbers(key, item)
        numbers.append(found)
    reasons = {
        reason
        for one in pairs
        for reason in (one["agreement"].get("reason"), one["kappa"].get("reason"))
        if reason
    }
    return Table(name, title, _PAIR, rows, pd.DataFrame(numbers), note="; ".join(sorted(reasons)))


def together_table(readers: Together) -> Table:
    """All readers together."""
    items = {
        "Fleiss’ kappa": (readers["complete"], readers["fleiss_kappa"]),
        "Krippendorff’s alpha, ordinal": (readers["images"], readers["krippendorff_alpha"]),
    }
    rows = [[name, f"{images:,}", format_estimate(item, "score")] for name, (images, item) in items.items()]
    numbers = [
        {"coefficient": name, "images": images} | _numbers("value", item)
        for name, (images, item) in items.items()
    ]
    note = "; ".join(sorted({item["reason"] for _, item in items.values() if "reason" in item}))
    return Table(
        "together",
        "All readers together",
        ("Coefficient", "Images", "Value"),
        rows,
        pd.DataFrame(numbers),
        1,
        note,
    )


def left_out_table(machine: Machine) -> Table:
    """Each reader and the network beside the consensus of the others."""
    rows, numbers = [], []
    for one in machine["left_out"]:
        items = {
            "of_reader": one["of_reader"],
            "of_network": one["of_network"],
            "difference": one["difference"],
        }
        texts = [format_estimate(item, "share") for item in items.values()]
        rows.append([one["reader"], f"{one['images']:,}", *texts])
        found: dict[str, object] = {"reader": one["reader"], "images": one["images"]}
        for key, item in items.items():
            found |= _numbers(key, item)
        numbers.append(found)
    return Table(
        "left_out",
        "Each reader and the network beside the consensus of the other readers",
        ("Reader", "Images", "The reader, %", "The network, %", "Difference, points"),
        rows,
        pd.DataFrame(numbers),
        note="The consensus leaves out the reader of the row, so that neither of the two is part of it.",
    )


def alternative_table(machine: Machine) -> Table | None:
    """The alternative annotator test; None if it was not made."""
    if "alternative" not in machine:
        return None
    test = machine["alternative"]
    rows = [
        [
            one["reader"],
            f"{one['images']:,}",
            _percent(one["network"]),
            _percent(one["human"]),
            "n/a" if one["p"] is None else "< 0.001" if one["p"] < 0.001 else f"{one['p']:.3f}",
            "yes" if one["better"] else "no",
        ]
        for one in test["readers"]
    ]
    return Table(
        "alternative",
        "The alternative annotator test",
        ("In the place of", "Images", "Network as near, %", "Reader as near, %", "p", "May stand in"),
        rows,
        pd.DataFrame(test["readers"]),
        note="Share of images on which the network, and the reader, is at least as near to the other readers "
        f"as its rival; ε = {test['epsilon']:g}. Patients are what is independent.",
    )


def confusion_tables(pairs: Sequence[Pair], classes: Sequence[str]) -> list[Table]:
    """Which grades each pair gave: the first by row, the second by column."""
    return [
        Table(
            f"confusion_{number}",
            f"{one['first']} (row) and {one['second']} (column)",
            ("", *classes),
            [[grade, *map(str, row)] for grade, row in zip(classes, one["confusion"], strict=True)],
            pd.DataFrame(
                [
                    {
                        "first": one["first"],
                        "second": one["second"],
                        "grade": grade,
                        **dict(zip(classes, row, strict=True)),
                    }
                    for grade, row in zip(classes, one["confusion"], strict=True)
                ]
            ),
        )
        for number, one in enumerate(pairs, 1)
    ]


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f}"
