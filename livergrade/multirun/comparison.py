"""Write a comparison from run folders: ``comparison.json``, tables, figures and the HTML page."""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from livergrade.config.schema import CompareConfig
from livergrade.evaluation.leakage import warning
from livergrade.evaluation.levels import REPORTED_LEVELS
from livergrade.io.earlier_start import remove_made
from livergrade.io.files import write_json
from livergrade.multirun.conclusions import conclusions
from livergrade.multirun.grouping import KINDS, Group, arms, differences
from livergrade.multirun.leakage_gap import leakage_gap
from livergrade.multirun.learning_curve_table import learning_curve_tables
from livergrade.multirun.measures import measure
from livergrade.multirun.plots import plot_arm
from livergrade.multirun.report import Comparison, write_comparison
from livergrade.multirun.tables import Table, arm_tables, gap_table, write_table
from livergrade.reports.style import save
from livergrade.runs.find import find_runs
from livergrade.runs.run import Run

log = logging.getLogger(__name__)

_ARM = f"({'|'.join(KINDS)})"
MADE = {
    "": r"comparison\.json|report\.html",
    "tables": rf"((accuracy|grades|scores|pairs|cohort|split|learning_curve)_{_ARM}|leakage_gap)"
    r"\.(csv|md|tex)",
    "figures": rf"(accuracy|pairs|confusion|curves|learning_curve)_{_ARM}\.(png|svg)",
}
"""Names of the files of a comparison, by folder."""


def _warnings(runs: Sequence[Run]) -> list[str]:
    """Warnings that the page prints before any metric."""
    messages = []
    if any(run.config.data.name == "synthetic" for run in runs):
        messages.append(
            "Synthetic cohort: every image is computer-generated. Nothing here is about patients."
        )
    if any(run.config.trainer.limit_batches for run in runs):
        messages.append("Test run: passes were stopped after a few batches, so no metric is a result.")
    return messages


def write_comparison_results(config: CompareConfig, out: Path, command: str) -> Comparison:
    """Compare finished runs.

    Args:
        config: run folders and options of the comparison.
        out: output folder.
        command: the command line, for the record.

    Returns:
        Content of ``comparison.json``.

    Raises:
        UserError: no run is finished, or the runs can't be compared.
    """
    runs, left_out = find_runs(config.runs)
    groups, incomplete = arms(runs)
    remove_made(out, MADE)
    measured = []
    for arm in groups:
        names = ", ".join(arm.models)
        log.info("%s: %s", arm.kind, names)
        measured.append(
            measure(
                arm,
                resamples=config.resamples,
                permutations=config.permutations,
                seed=config.seed,
                margin=config.equivalence_margin / 100,
            )
        )
    differing = differences(groups)
    for option, values in differing.items():
        by_model = "; ".join(f"{model}: {value}" for model, value in values.items())
        log.info("  %s  %s", option, by_model)
    gaps = leakage_gap(groups, [results["models"] for results in measured])
    level = next(level for level in REPORTED_LEVELS if level == config.level)
    compared: Comparison = {
        "classes": runs[0].classes,
        "level": level,
        "arms": measured,
        "conclusions": {arm["kind"]: conclusions(arm, level) for arm in measured},
        "leakage_gap": gaps,
        "differences": differing,
        "left_out": left_out + incomplete,
        "cautions": _warnings([run for arm in groups for run in arm.runs]),
        "command": command,
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
        "resamples": config.resamples,
        "permutations": config.permutations,
        "seed": config.seed,
        "equivalence_margin": config.equivalence_margin,
    }
    page, tables = _write(out, compared, groups)
    for line in compared["left_out"]:
        log.warning("left out: %s", line)
    for arm in groups:
        accuracies = next(table for table in tables[arm.kind] if table.name.startswith("accuracy"))
        log.info("\n%s, %s\n%s", accuracies.title, arm.kind, accuracies.shown.to_string(index=False))
        log.info("\n%s", "\n".join(compared["conclusions"][arm.kind]))
    log.info("\n%s", page)
    return compared


def _write(out: Path, compared: Comparison, groups: Sequence[Group]) -> tuple[Path, dict[str, list[Table]]]:
    """Write all files; returns the page, and the tables by arm."""
    level, measured = compared["level"], compared["arms"]
    out.mkdir(parents=True, exist_ok=True)
    write_json(compared, out / "comparison.json")
    tables = {
        arm.kind: [*arm_tables(arm, results, level), *learning_curve_tables(results, level)]
        for arm, results in zip(groups, measured, strict=True)
    }
    if compared["leakage_gap"]:
        tables["gap"] = [gap_table(compared["leakage_gap"])]
    for table in [table for group in tables.values() for table in group]:
        write_table(table, out / "tables")
    for arm, results in zip(groups, measured, strict=True):
        for name, figure in plot_arm(arm, results, level, note=warning(results["leakage"])).items():
            save(figure, out / "figures" / name)
    return write_comparison(out, compared, tables), tables
