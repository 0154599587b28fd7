"""Measure agreement from a table of readings, and write ``agreement.json``, tables, a figure and the page."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd

from livergrade.config.schema import AgreementConfig
from livergrade.errors import UserError
from livergrade.evaluation.arrays import Ints
from livergrade.io.earlier_start import remove_made
from livergrade.io.files import write_json
from livergrade.io.tables import write_table
from livergrade.io.user_tables import Wanted, read_user_table
from livergrade.io.visible import shown
from livergrade.reading.agreement import Together, own_repeats, reader_pairs, together
from livergrade.reading.consensus import RULES, consensus
from livergrade.reading.machine import Machine, machine_reader
from livergrade.reading.network import Network, read_network
from livergrade.reading.pairs import Pair
from livergrade.reading.plots import plot_pairs
from livergrade.reading.ratings import NONE, Ratings, ratings_of
from livergrade.reading.readings import read_readings
from livergrade.reading.sentences import cautions, sentences
from livergrade.reading.tables import (
    alternative_table,
    confusion_tables,
    left_out_table,
    pair_table,
    together_table,
)
from livergrade.reports.html import inlined_figures, write_page
from livergrade.reports.style import save

log = logging.getLogger(__name__)

DRAWN = 60
"""Pairs at most in a figure; of more there is none."""
CLASSES = ["poor", "moderate", "well"]
MADE = {
    "": r"agreement\.(json|html)|consensus\.csv",
    "tables": r"(pairs|together|repeats|network|left_out|alternative|confusion_\d+)\.csv",
    "figures": r"agreement\.(png|svg)",
}
"""Names of the files of a measurement, by folder."""
CAPTION = "Agreement of each pair of readers{}, with 95 % intervals."
HOW = (
    "Intervals: a jackknife that leaves out one patient at a time, as all images of a patient may be read "
    "alike; how often they hold the truth was simulated (docs/agreement.md). Cohen’s kappa corrects for "
    "agreement by chance; the quadratic kappa weighs a disagreement by the square of how many grades it is. "
)


class Agreement(TypedDict):
    """Content of ``agreement.json``.

    Attributes:
        classes: the grades, worst to best.
        readers: names.
        images: images with a grade of a reader.
        patients: patients of these.
        readings: readings that count, by reader.
        left_out: readings that do not count, by why.
        pairs: agreement of each pair of readers.
        together: agreement of all readers.
        repeats: agreement of readers with their own later reading.
        consensus: the rule of the consensus.
        disputed: images on which readers differ.
        network: the network as one more reader; null without a run.
        run: name of the run; null without.
        sentences: what it shows, in words.
        cautions: what to know before.
        command: the command line.
        made: when, ISO 8601 with the time zone.
    """

    classes: list[str]
    readers: list[str]
    images: int
    patients: int
    readings: dict[str, int]
    left_out: dict[str, int]
    pairs: list[Pair]
    together: Together
    repeats: list[Pair]
    consensus: str
    disputed: int
    network: Machine | None
    run: str | None
    sentences: list[str]
    cautions: list[str]
    command: str
    made: str


def write_agreement(config: AgreementConfig, out: Path, command: str) -> Path:
    """Measure and write.

    Args:
        config: the options; ``readings`` is given.
        out: output folder.
        command: the command line, for the record.

    Returns:
        Path of ``agreement.html``.

    Raises:
        UserError: the readings or the run can't be used.
    """
    network = read_network(config.run) if config.run else None
    classes = _classes(config, network)
    path = Path(config.readings or "")
    known = _known_patients(config.manifest, network)
    readings = read_readings(
        path, classes, asdict(config.columns), lambda cells: _row_problems(cells, known, network)
    )
    readings["patient"] = _patients(readings, known)
    try:
        ratings = ratings_of(readings, classes)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    graded = network.grades_of(readings, ratings.images) if network else None
    machine = None if graded is None else machine_reader(ratings, graded, config.consensus, config.epsilon)
    found: Agreement = {
        "classes": classes,
        "readers": ratings.readers,
        "images": len(ratings.images),
        "patients": len(ratings.patients),
        "readings": {
            name: int((ratings.grades[:, at] != NONE).sum()) for at, name in enumerate(ratings.readers)
        },
        "left_out": ratings.left_out,
        "pairs": reader_pairs(ratings),
        "together": together(ratings),
        "repeats": own_repeats(ratings),
        "consensus": config.consensus,
        "disputed": sum(len(set(row[row != NONE].tolist())) > 1 for row in ratings.grades),
        "network": machine,
        "run": network.name if network else None,
        "sentences": [],
        "cautions": [],
        "command": command,
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    found["sentences"] = sentences(
        found["readers"], found["pairs"], found["together"], found["repeats"], machine
    )
    found["cautions"] = cautions(ratings, machine, graded)
    remove_made(out, MADE)
    out.mkdir(parents=True, exist_ok=True)
    return _write(found, _consensus_table(ratings, config.consensus, graded), out)


def _write(found: Agreement, agreed: pd.DataFrame, out: Path) -> Path:
    """Write all files of a measurement; returns the path of the page."""
    machine = found["network"]
    network = machine["pairs"] if machine else []
    tables = [pair_table("pairs", "Pairs of readers", found["pairs"])] if found["pairs"] else []
    tables.append(together_table(found["together"]))
    if found["repeats"]:
        tables.append(pair_table("repeats", "Readers with their own later reading", found["repeats"]))
    if machine:
        beside = [*network, machine["with_consensus"]]
        tables += [pair_table("network", "The network with each reader", beside), left_out_table(machine)]
        tables += [table] if (table := alternative_table(machine)) else []
    confusion = confusion_tables([*found["pairs"], *network], found["classes"])
    write_json(found, out / "agreement.json")
    for table in [*tables, *confusion]:
        write_table(table.numbers, out / "tables" / f"{table.name}.csv", None)
    write_table(agreed, out / "consensus.csv")
    human = machine["human"] if machine else found["pairs"]
    if 0 < len(human) + len(network) <= DRAWN:
        save(
            plot_pairs(human, network),
            out / "figures" / "agreement",
        )
    page = write_page(
        out,
        "agreement.html.j2",
        page="agreement.html",
        figures=inlined_figures(
            out / "figures",
            {"agreement": CAPTION.format(" and of the network with each reader" * bool(network))},
        ),
        tables=tables,
        confusion=confusion,
        how=f"{HOW}Consensus ({found['consensus']}): {RULES[found['consensus']]}.",
        **{
            key: found[key]
            for key in (
                "readers",
                "images",
                "patients",
                "classes",
                "made",
                "cautions",
                "sentences",
                "command",
            )
        },
    )
    log.info("%s\n\n%s", "\n".join(found["sentences"] or found["cautions"]), page)
    return page


def _classes(config: AgreementConfig, network: Network | None) -> list[str]:
    """The grades of the readings.

    Raises:
        UserError: the run has others than were typed.
    """
    if network and config.classes and config.classes != network.classes:
        raise UserError(
            f"classes: {', '.join(config.classes)} are not the grades of the run, which are "
            f"{', '.join(network.classes)}; leave the option out"
        )
    return network.classes if network else config.classes or CLASSES


def _known_patients(manifest: str | None, network: Network | None) -> dict[str, str]:
    """The patient of each image that the manifest or else the run names.

    Raises:
        UserError: the manifest can't be read, or has an image with two patients.
    """
    known: dict[str, str] = {}
    if network:
        known |= dict(zip(network.split["image"], network.split["patient"], strict=True))
    if manifest:
        needed = ("image", "patient")
        table = read_user_table(Path(manifest), Wanted(needed, needed))
        cells = table.cells.apply(lambda column: column.str.strip())
        several = cells.groupby("image")["patient"].nunique()
        problems = [
            *table.problems,
            *(f"image {shown(image, 60)!r} has several patients" for image in several.index[several > 1]),
        ]
        if problems:
            raise UserError(f"{manifest}: can't be used:\n" + "\n".join(f"  {line}" for line in problems))
        known |= {
            image: patient for image, patient in zip(cells["image"], cells["patient"], strict=True) if patient
        }
    return known


def _row_problems(
    cells: pd.DataFrame, known: Mapping[str, str], network: Network | None
) -> list[tuple[int, str]]:
    """Rows of readings that count, from 0, whose image has no patient or was not tested, with the reason."""
    counts = (cells["excluded"] == "") & (cells["undone"].str.lower() != "true") & (cells["image"] != "")
    used = cells.assign(patient=_patients(cells, known))[counts & cells["mode"].isin(["read", "adjudicate"])]
    reason = (
        "the image has no patient, and readings of one patient are not independent; give manifest=<CSV with "
        "image and patient>, or a column patient"
    )
    lacking = [(int(row), reason) for row in used.index[used["patient"] == ""]]
    return lacking + (network.problems(used[used["mode"] == "read"]) if network else [])


def _patients(readings: pd.DataFrame, known: Mapping[str, str]) -> pd.Series[str]:
    """The patient of each reading: its own, else that of another reading of its image, else the known one."""
    beside = readings["image"].map(known).fillna("")
    own = readings.assign(own=readings["patient"]).groupby("image")["own"].transform("max")
    return readings["patient"].where(readings["patient"] != "", own.where(own != "", beside))


def _consensus_table(ratings: Ratings, rule: str, graded: Ints | None) -> pd.DataFrame:
    """One row an image: its consensus, how many readings agree with it, and the network's grade."""
    found = consensus(ratings.grades, len(ratings.classes), rule, ratings.adjudicated)
    names = np.array([*ratings.classes, ""])  # the last, −1, is none
    table = pd.DataFrame(
        {
            "image": ratings.images,
            "patient": [ratings.patients[at] for at in ratings.patient],
            "grade": names[found],
            "readings": (ratings.grades != NONE).sum(1),
            "agreeing": ((ratings.grades == found[:, None]) & (found[:, None] != NONE)).sum(1),
        }
    )
    for at, reader in enumerate(ratings.readers):
        table[f"grade_{reader}"] = names[ratings.grades[:, at]]
    return table if graded is None else table.assign(network=names[graded])
