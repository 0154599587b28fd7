"""Output files of a prediction: one table per level, and everything again as JSON."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from livergrade.config.schema import PredictConfig
from livergrade.inference.answers import Answers, by_patient
from livergrade.inference.grader import Grader
from livergrade.io.counted import counted
from livergrade.io.file_names import file_name
from livergrade.io.files import write_json
from livergrade.io.kept import Kept
from livergrade.io.tables import write_table
from livergrade.io.write_below import is_plain_file
from livergrade.runs.paths import command_line

log = logging.getLogger(__name__)

TABLES = ("images.csv", "slides.csv", "patients.csv", "predictions.json")


def remove_outputs(out: Path, kept: Kept) -> None:
    """Remove what earlier starts wrote: outputs are of the inputs of one start, and all are written again.

    What was graded stays in ``kept``; other files of the folder stay, too.

    Args:
        out: the output folder.
        kept: what earlier starts graded, among it the slides whose maps are removed.
    """
    outputs = [out / name for name in TABLES]
    for stem in {str(values["stem"]) for values in kept.values() if "stem" in values}:
        if file_name(stem) == stem:  # a record from elsewhere may hold anything
            outputs.append(out / "tiles" / f"{stem}.csv")
            outputs += [
                out / "maps" / f"{stem}{ending}"
                for ending in (".png", ".svg", ".geojson", "_why.npz", "_why.png", "_why.svg")
            ]
    for path in filter(is_plain_file, outputs):
        path.unlink(missing_ok=True)


def write_answers(
    out: Path,
    images: pd.DataFrame,
    slides: pd.DataFrame,
    failed: dict[str, str],
    *,
    grader: Grader,
    answers: Answers,
    config: PredictConfig,
) -> None:
    """Write ``slides.csv``, ``patients.csv`` and ``predictions.json``, and log the count of each answer.

    Args:
        out: the output folder.
        images: one row per image, with answers.
        slides: one row per slide, with answers.
        failed: path → why it could not be graded.
        grader: the grader that was used.
        answers: adds prediction sets and answers.
        config: the options.
    """
    if len(slides):
        write_table(slides, out / "slides.csv")
    patients = by_patient(images, slides, grader.classes)
    if len(patients):
        from_images = patients["of"] == "images"
        parts = [answers(patients[from_images], "patient"), answers(patients[~from_images], "slide")]
        patients = pd.concat(parts).sort_index()
        write_table(patients, out / "patients.csv")
    tables = {"images": images, "slides": slides, "patients": patients}
    facts = {
        "run": config.run,
        "model": grader.model,
        "command": command_line(),
        "views": len(grader.degrees),
        "classes": grader.classes,
        "temperature": grader.temperature,
        "coverage": config.coverage,
        "no_sets": answers.no_sets_reason or None,
        "by_grade": answers.thresholds.by_grade,
        "by_grade_fallback": answers.thresholds.fallback or None,
        "abstain": config.abstain,
    }
    if grader.ensemble:
        facts["members"] = grader.members
    records = {
        name: table.astype(object).where(table.notna(), None).to_dict("records")  # JSON has no NaN
        for name, table in tables.items()
    }
    write_json(facts | records | {"failed": failed}, out / "predictions.json")
    for name, table in tables.items():
        if len(table):
            counts = table["answer"].value_counts()
            counts = counts.reindex([*grader.classes, *counts.index.difference(grader.classes)], fill_value=0)
            log.info(
                "%s: %s",
                counted(len(table), name.removesuffix("s")),
                ", ".join(f"{grade} ({n})" for grade, n in counts.items()),
            )
