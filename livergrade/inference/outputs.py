"""Output files of a prediction: one table per level, and everything again as JSON."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from livergrade.config.schema import PredictConfig
from livergrade.inference.answers import Answers, by_patient
from livergrade.inference.grader import Grader
from livergrade.io.files import write_json
from livergrade.io.tables import write_table
from livergrade.runs.paths import command_line

log = logging.getLogger(__name__)


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
        "abstain": config.abstain,
    }
    records = {name: table.to_dict("records") for name, table in tables.items()}
    write_json(facts | records | {"failed": failed}, out / "predictions.json")
    for name, table in tables.items():
        if len(table):
            counts = table["answer"].value_counts()
            counts = counts.reindex([*grader.classes, *counts.index.difference(grader.classes)], fill_value=0)
            log.info(
                "%d %s: %s", len(table), name, ", ".join(f"{grade} ({n})" for grade, n in counts.items())
            )
