"""Write what was read as tables: every reading, and a manifest that a network can be trained on."""

from __future__ import annotations

import logging
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from livergrade.data.validation import reserved_columns
from livergrade.io.cells import cell_problem
from livergrade.io.tables import write_table
from livergrade.reading.readings import COLUMNS, WIDE
from livergrade.reading.store import Store

log = logging.getLogger(__name__)

MANIFEST, LEFT_OUT, EXCLUSIONS = "manifest.csv", "left_out.csv", "exclusions.csv"


def export_readings(store: Store, out: Path) -> None:
    """Write ``readings.csv``, ``manifest.csv``, ``left_out.csv`` and ``exclusions.csv``.

    Args:
        store: the review.
        out: the review's folder; tables that are there are replaced.

    Raises:
        UserError: a table can't be written.
    """
    rows = store.readings()
    write_table(readings_table(rows, store.images), out / "readings.csv")
    kept, left_out = manifest_tables(store.facts, store.images, rows)
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
    words = [f"data.manifest={out / MANIFEST}", f"data.root={store.facts['root']}"]
    log.info("train on it: livergrade train data=manifest %s", " ".join(map(shlex.quote, words)))


def readings_table(rows: Sequence[Mapping[str, Any]], images: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """All readings, undone ones too, in the order in which they were made.

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
            "confidence": "" if row["confidence"] is None else str(row["confidence"]),
            "seconds": "" if row["seconds"] is None else f"{row['seconds']:.2f}",
            "comment": f"'{row['comment']}" if cell_problem(row["comment"]) else row["comment"],
            "time": row["time"],
            "order": row["place"] + 1,
            "mode": row["mode"],
            "excluded": row["excluded"] or "",
            "undone": "true" if row["undone"] else "",
        }
        for row in rows
    ]
    return pd.DataFrame(table, columns=list(COLUMNS))


def manifest_tables(
    facts: Mapping[str, Any], images: Sequence[Mapping[str, str]], rows: Sequence[Mapping[str, Any]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The images that have a consensus, and those that are left out, with the reason.

    The first reading of a reader counts, not the one of a repeated image. A grade that was adjudicated is the
    consensus; else one that more than half of the readers gave. Whoever could not grade an image counts as
    one who gave another answer.

    Args:
        facts: of the review.
        images: as `Store.images` has them.
        rows: as `Store.readings` has them.

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
    kept, left_out = [], []
    for number, cells in enumerate(images):
        given = first.get(number, {})
        grade, how = _consensus(facts["mode"], cells["grade"], given, decided.get(number, {}))
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


def _consensus(
    mode: str, before: str, first: Mapping[str, Mapping[str, Any]], decided: Mapping[str, Mapping[str, Any]]
) -> tuple[str | None, str]:
    """The grade and how it came about; None and why there is none."""
    if mode == "confirm":
        if not first:
            return None, "not read"
        if reasons := sorted({row["excluded"] for row in first.values() if row["excluded"]}):
            return None, f"excluded: {', '.join(reasons)}"
        return before, "kept"
    for given, how in ((decided, "adjudicated"), (first, "majority")):
        if not given:
            continue
        answers = Counter(row["grade"] for row in given.values())
        answer, votes = answers.most_common(1)[0]
        if 2 * votes <= len(given):
            return None, "adjudicators differ" if given is decided else "readers differ"
        if answer is None:
            reasons = sorted({row["excluded"] for row in given.values() if row["excluded"]})
            return None, f"excluded: {', '.join(reasons)}"
        if given is first:
            how = "one reader" if len(given) == 1 else "all agree" if votes == len(given) else how
        return str(answer), how
    return None, "not read"
