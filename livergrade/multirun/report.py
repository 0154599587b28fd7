"""Self-contained HTML page of a comparison, made from its tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from livergrade.evaluation.levels import ReportedLevel
from livergrade.multirun.grouping import KINDS
from livergrade.multirun.leakage_gap import LeakageGap
from livergrade.multirun.measures import ArmMeasures
from livergrade.multirun.paper import MISPRINTS, TABLE_5, printed
from livergrade.multirun.tables import Table
from livergrade.reports.html import inlined_figures, write_page

CAPTIONS = {
    "accuracy": "Accuracy of each model. A line is the 95 % interval, where there is one: over patients, "
    "and over trainings where there are several; short strokes are seeds.",
    "pairs": "Difference in accuracy of each pair of models on the same patients. A line is the 95 % "
    "interval, where there is one.",
    "confusion": "Confusion matrices, summed over repeats.",
    "learning_curve": "Accuracy and log-loss against the number of training patients, on the same test "
    "patients. A line is the 95 % interval of the accuracy, where there is one; short strokes are seeds.",
    "curves": "Accuracy of views over the epochs, mean over folds and repeats. Validation is shown here, "
    "where the paper shows test images.",
}


class Comparison(TypedDict):
    """Content of ``comparison.json``.

    Attributes:
        classes: the grades, worst to best.
        level: level of the summary, and of the order of the models.
        arms: metrics of each arm.
        conclusions: what each arm shows, in sentences, by the arm's kind.
        leakage_gap: effect of leakage by model and level; empty without splits by patient and by image.
        differences: option → model → value, of the options in which the models differ.
        left_out: one line for each excluded run.
        cautions: warnings that the page prints before any metric.
        command: the command line.
        made: when, ISO 8601 with the time zone.
        resamples: number of resamples of the naive interval.
        permutations: number of random swaps of a permutation test.
        seed: seed of these resamples and of the permutation test.
        equivalence_margin: difference in accuracy that does not matter, percentage points.
    """

    classes: list[str]
    level: ReportedLevel
    arms: list[ArmMeasures]
    conclusions: dict[str, list[str]]
    leakage_gap: list[LeakageGap]
    differences: dict[str, dict[str, str]]
    left_out: list[str]
    cautions: list[str]
    command: str
    made: str
    resamples: int
    permutations: int
    seed: int
    equivalence_margin: float


def write_comparison(folder: Path, compared: Comparison, tables: Mapping[str, Sequence[Table]]) -> Path:
    """Write ``report.html`` into the folder of the comparison, atomically.

    Args:
        folder: folder of the comparison.
        compared: content of ``comparison.json``.
        tables: tables per arm, and ``gap`` if there are splits by patient and by image.

    Returns:
        Path of the page. It has no external resources and no script.
    """
    sections = [
        {
            "kind": KINDS[arm["kind"]],
            "leakage": arm["leakage"],
            "conclusions": compared["conclusions"][arm["kind"]],
            "chosen": len(arm["models"]) > 1,
            "tables": list(tables[arm["kind"]]),
            "figures": inlined_figures(
                folder / "figures", {f"{name}_{arm['kind']}": text for name, text in CAPTIONS.items()}
            ),
            "models": arm["models"],
            "repeats": {name: list(model["repeats"]) for name, model in arm["models"].items()},
        }
        for arm in compared["arms"]
    ]
    names = {model["model"] for arm in compared["arms"] for model in arm["models"].values()}
    return write_page(
        folder,
        "comparison.html.j2",
        compared=compared,
        sections=sections,
        gap=tables.get("gap", []),
        with_paper=any(printed(TABLE_5, name, compared["classes"]) for name in names),
        misprints=MISPRINTS,
        models=sorted({name for arm in compared["arms"] for name in arm["models"]}),
    )
