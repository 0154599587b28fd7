"""Write what was read as tables: every reading, and a manifest that a network can be trained on."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from livergrade.config.schema import DataConfig
from livergrade.data.validation import names_outside, reserved_columns
from livergrade.evaluation.grade_counts import mixed_grades
from livergrade.io.inside import Inside
from livergrade.io.tables import write_table
from livergrade.io.typed_list import typed_list
from livergrade.reading.readings import COLUMNS, WIDE, write_readings
from livergrade.reading.review_consensus import OWN_RULE, review_consensus
from livergrade.reading.store import Store

log = logging.getLogger(__name__)

MANIFEST, LEFT_OUT, EXCLUSIONS = "manifest.csv", "left_out.csv", "exclusions.csv"


def export_readings(store: Store, out: Path, rule: str = OWN_RULE) -> None:
    """Write ``readings.csv``, ``manifest.csv``, ``left_out.csv`` and ``exclusions.csv``.

    Args:
        store: the review.
        out: the review's folder; tables that are there are replaced.
        rule: of the consensus, `OWN_RULE` or one of `livergrade.reading.consensus.RULES`.

    Raises:
        UserError: a table can't be written.
    """
    rows = store.readings()
    write_readings(readings_table(rows, store.images), out / "readings.csv", store.facts["classes"])
    kept, left_out = manifest_tables(store.facts, store.images, rows, rule)
    write_table(left_out, out / LEFT_OUT)
    excluded = left_out[left_out["reason"].str.startswith("excluded")].copy()
    excluded["reason"] = excluded["reason"].str.removeprefix("excluded: ")
    write_table(excluded, out / EXCLUSIONS)
    slides = bool(store.facts.get("slides"))
    write_table(kept.rename(columns={"image": "slide"}) if slides else kept, out / MANIFEST)
    valid = sum(not row["undone"] for row in rows)
    log.info("%d readings (%d undone) in %s", valid, len(rows) - valid, out / "readings.csv")
    log.info(
        "%d images in %s; %d left out, with the reason in %s",
        len(kept),
        out / MANIFEST,
        len(left_out),
        out / LEFT_OUT,
    )
    if len(excluded) and not slides:
        log.info(
            "%d are excluded; where the images are cut from slides, leave them out with livergrade prepare "
            "exclude=%s",
            len(excluded),
            shlex.quote(str(out / EXCLUSIONS)),
        )
    if not len(kept):
        return
    if kept["patient"].eq("").any() or kept["grade"].eq("").any():
        log.info(
            "the manifest lacks patients or grades, which training needs; add them to the table of the images"
        )
        return
    if slides:
        log.info("cut images of them: livergrade prepare table=%s", shlex.quote(str(out / MANIFEST)))
        return
    log.info("train on it: %s", train_command(store.facts, kept, out / MANIFEST))


def train_command(facts: Mapping[str, Any], kept: pd.DataFrame, manifest: Path) -> str:
    """The command that trains on a consensus, as it is typed, with all that its images and grades need.

    Args:
        facts: of the review.
        kept: the consensus, from `manifest_tables`.
        manifest: its file.
    """
    usual, root = DataConfig(), Path(facts["root"])
    words = [f"data.manifest={manifest}", f"data.root={root}"]
    words += [
        f"data.{key}={value}" for key, value in facts["reading"].items() if value != getattr(usual, key)
    ]
    if mixed_grades(kept):
        words.append("data.mixed_grades=true")
    if names_outside(kept["image"].tolist(), Inside(root)):
        words.append("data.outside=true")
    typed = [shlex.quote(word) for word in words]
    if facts["classes"] != usual.classes:
        typed.append(typed_list("data.classes", facts["classes"]))
    return " ".join(["livergrade train data=manifest", *typed])


def readings_table(rows: Sequence[Mapping[str, Any]], images: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """All readings, undone ones too, in the order in which they were made, as `write_readings` takes them.

    They have the column ``patient`` if a patient is known.

    Args:
        rows: as `Store.readings` has them.
        images: as `Store.images` has them.
    """
    table = [
        {
            "reader": row["reader"],
            "image": images[row["image"]]["image"],
            "sha256": images[row["image"]]["sha256"],
            "grade": row["grade"] or "",
            "confidence": row["confidence"],
            "seconds": row["seconds"],
            "comment": row["comment"],
            "time": row["time"],
            "order": row["place"] + 1,
            "mode": row["mode"],
            "excluded": row["excluded"] or "",
            "undone": bool(row["undone"]),
        }
        for row in rows
    ]
    patients = [images[row["image"]].get("patient", "") for row in rows]
    made = pd.DataFrame(table, columns=list(COLUMNS))
    return made.assign(patient=patients) if any(patients) else made


def manifest_tables(
    facts: Mapping[str, Any],
    images: Sequence[Mapping[str, str]],
    rows: Sequence[Mapping[str, Any]],
    rule: str = OWN_RULE,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The images that have a consensus, and those that are left out, with the reason.

    The first reading of a reader counts, not the one of a repeated image. An image that more than half of its
    readers could not grade has no consensus by any rule.

    Args:
        facts: of the review.
        images: as `Store.images` has them.
        rows: as `Store.readings` has them.
        rule: `OWN_RULE`, or one of `livergrade.reading.consensus.RULES`.

    Returns:
        A manifest: the columns of the images, ``grade`` being the consensus and ``grade_before`` what the
        images' table had, ``grade_<reader>`` and ``consensus_by``; and a table of ``image``,
        ``sha256``, ``reason``.
    """
    first: dict[int, dict[str, Mapping[str, Any]]] = {}
    decided: dict[int, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        if not row["undone"]:
            into = decided if row["mode"] == "adjudicate" else first
            into.setdefault(row["image"], {}).setdefault(row["reader"], row)
    readers = facts.get("first_readers", facts["readers"])
    found = review_consensus(facts, images, readers, first, decided, rule)
    kept, left_out = [], []
    for number, (cells, (grade, how)) in enumerate(zip(images, found, strict=True)):
        given = first.get(number, {})
        if grade is None:
            left_out.append({"image": cells["image"], "sha256": cells["sha256"], "reason": how})
            continue
        others = {name: cell for name, cell in cells.items() if name != "grade"}
        of = {
            f"{WIDE}{reader}": (given[reader]["grade"] or "") if reader in given else ""
            for reader in readers
            if facts["mode"] != "confirm"
        }
        kept.append({**others, "grade": grade, "grade_before": cells["grade"], **of, "consensus_by": how})
    table = pd.DataFrame(kept) if kept else pd.DataFrame(columns=["image", "patient", "grade"])
    taken = {name: f"{name}_before" for name in reserved_columns(table.columns)}
    if "mpp" in table and table["mpp"].eq("").all():
        table = table.drop(columns="mpp")
    return table.rename(columns=taken), pd.DataFrame(left_out, columns=["image", "sha256", "reason"])
