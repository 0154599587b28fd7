"""Self-contained HTML page of a comparison, made from its tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from livergrade.evaluation.levels import ReportedLevel
from livergrade.multirun.grouping import KINDS, ArmMeasures, LeakageGap, best_models, estimate
from livergrade.multirun.paper import MISPRINTS, TABLE_5, printed
from livergrade.multirun.tables import Table
from livergrade.reports.format import format_estimate, value
from livergrade.reports.html import inlined_figures, write_page

CAPTIONS = {
    "accuracy": "Accuracy of each model with its 95 % interval over patients, or one stroke per repeat.",
    "pairs": "Difference in accuracy of each pair of models on the same patients.",
    "confusion": "Confusion matrices, summed over repeats.",
    "curves": "Accuracy over the epochs, of views, the mean over folds and repeats. Validation stands where "
    "the paper followed the test images.",
}


class Comparison(TypedDict):
    """Content of ``comparison.json``.

    Attributes:
        classes: the grades, worst to best.
        level: level of the summary, and of the order of the models.
        arms: metrics of each arm.
        leakage_gap: effect of leakage by model and level; empty without splits by patient and by image.
        differences: option → model → value, of the options in which the models differ.
        left_out: one line for each excluded run.
        cautions: warnings that the page prints before any metric.
        command: the command line.
        made: when, ISO 8601 with the time zone.
        resamples: number of resamples of the naive interval.
        permutations: number of random swaps of a permutation test.
        seed: seed of these resamples and of the permutation test.
    """

    classes: list[str]
    level: ReportedLevel
    arms: list[ArmMeasures]
    leakage_gap: list[LeakageGap]
    differences: dict[str, dict[str, str]]
    left_out: list[str]
    cautions: list[str]
    command: str
    made: str
    resamples: int
    permutations: int
    seed: int


def write_comparison(folder: Path, compared: Comparison, tables: Mapping[str, Sequence[Table]]) -> Path:
    """Write ``report.html`` into the folder of the comparison, atomically.

    Args:
        folder: folder of the comparison.
        compared: content of ``comparison.json``.
        tables: tables per arm, and ``gap`` if there are splits by patient and by image.

    Returns:
        Path of the page. It has no external resources and no script.
    """
    level = compared["level"]
    sections = [
        {
            "kind": KINDS[arm["kind"]],
            "leakage": arm["leakage"],
            "verdict": verdict(arm, level),
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


def verdict(arm: ArmMeasures, level: ReportedLevel) -> str:
    """Summary of an arm in one or two sentences that claim no more than the statistical tests support."""
    models = best_models(arm, level)
    best = estimate(arm["models"][models[0]], level, "accuracy")
    if len(models) == 1:
        text = f"{models[0]} graded most {level}s correctly: {format_estimate(best, 'share')} %"
    else:  # their intervals may differ
        names = f"{', '.join(models[:-1])} and {models[-1]}"
        rest = ", and no other model more" if len(models) < len(arm["models"]) else ""
        text = f"{names} graded equally many {level}s correctly{rest}: {value(best, 'share')}"
    text += f" of {best['n']}" if len(arm["models"][models[0]]["repeats"]) == 1 else ""
    if not arm["pairs"]:
        return text + ". Nothing was compared with it on the same patients."
    significant = [
        f"{pair['first']} and {pair['second']}"
        for pair in arm["pairs"]
        if (p := pair[level]["permutation"]["p_holm"]) is not None and p < 0.05
    ]
    total = f"{len(arm['pairs'])} {'pair' if len(arm['pairs']) == 1 else 'pairs'}"
    if not significant:
        return text + f". No two of the models can be told apart on these patients ({total}, Holm)."
    return text + f". After Holm's correction {len(significant)} of {total} differ: {'; '.join(significant)}."
