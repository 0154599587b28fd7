"""Make a plan from options, or from a finished run or sweep: the terminal's text, ``plan.json``, a figure."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from livergrade.config.schema import PlanConfig
from livergrade.errors import UserError
from livergrade.evaluation.expected_width import ExpectedCohort
from livergrade.evaluation.levels import REPORTED_LEVELS
from livergrade.evaluation.power import Design
from livergrade.evaluation.study_plan import (
    Cohorts,
    Known,
    Parts,
    Plan,
    Studied,
    comparison_plan,
    count_plan,
    designs,
    shown_comparison,
    shown_widths,
    width_plan,
)
from livergrade.evaluation.two_models import TwoModels
from livergrade.io.bars import bar as progress_bar
from livergrade.io.earlier_start import remove_made
from livergrade.io.files import write_json
from livergrade.multirun.studied import studied
from livergrade.reports.plan_plots import plot_plan
from livergrade.reports.plan_text import plan_text
from livergrade.reports.style import save

log = logging.getLogger(__name__)

MADE = {"": r"plan\.json", "figures": r"plan\.(png|svg)"}
"""Names of the files of a plan, by folder."""


def write_plan(config: PlanConfig, out: Path, command: str) -> Path:
    """Make a plan.

    Args:
        config: what is expected and wanted.
        out: output folder.
        command: the command line, for the record.

    Returns:
        Path of ``plan.json``.

    Raises:
        UserError: the numbers do not fit together, or there is no finished run.
    """
    run, patients = None, config.patients
    parts = Parts(config.test_fraction, config.val_fraction, config.folds)
    if config.run:
        if config.patients:
            raise UserError("patients: the run says how many patients there are; leave out one of the two")
        run, patients, validating = studied(config.run, config.equivalence_margin / 100)
        tested = parts.tested(patients) if run["folds"] else sum(run["grades"].values())
        parts = Parts.of(patients, tested, validating, run["folds"] or config.folds)
    cohorts = _cohorts(config, run)
    models = _models(config, cohorts["patient"].accuracy)
    remove_made(out, MADE)
    plan = _plan(config, cohorts, models, parts, run, patients)
    out.mkdir(parents=True, exist_ok=True)
    made = {"command": command, "made": datetime.now().astimezone().isoformat(timespec="seconds")}
    write_json(plan | made, out / "plan.json")
    save(plot_plan(plan), out / "figures" / "plan")
    log.info("%s\n\n%s", plan_text(plan), out / "plan.json")
    return out / "plan.json"


def _cohorts(config: PlanConfig, run: Studied | None) -> Cohorts:
    """What is expected of test patients at each level: what the run has, else the options."""
    if run is None:
        rest = (1 - config.rarest / 100) / (config.grades - 1)
        if config.rarest / 100 > rest + 1e-9:
            raise UserError(
                f"rarest={config.rarest:g}: with {config.grades} grades the rarest has at most "
                f"{100 / config.grades:.1f} % of the patients"
            )
        shares = (config.rarest / 100, *[rest] * (config.grades - 1))
        cohort = ExpectedCohort(config.accuracy / 100, config.images, config.correlation, shares)
        return dict.fromkeys(REPORTED_LEVELS, cohort)
    shares = tuple(count / sum(run["grades"].values()) for count in run["grades"].values() if count)
    correlation = config.correlation if run["correlation"] is None else run["correlation"]
    cohorts = {}
    for level in REPORTED_LEVELS:
        values = [levels[level]["value"] or 0.0 for levels in run["accuracy"].values()]
        accuracy = min(max(sum(values) / len(values), 0.01), 0.99)
        cohorts[level] = ExpectedCohort(accuracy, run["images"], correlation, shares)
    return cohorts


def _models(config: PlanConfig, accuracy: float) -> TwoModels:
    """Two models as far apart as is asked for, around the accuracy or as near to it as leaves them room."""
    typed = [
        None if value is None else value / 100 for value in (config.discordance, config.seed_discordance)
    ]
    apart = config.apart / 100
    mean = min(max(accuracy, 0.01 + apart / 2), 0.99 - apart / 2)
    return TwoModels.of(mean, apart, config.training_sd / 100, typed[0], typed[1])


def _plan(
    config: PlanConfig,
    cohorts: Cohorts,
    models: TwoModels,
    parts: Parts,
    run: Studied | None,
    patients: int | None,
) -> Plan:
    """Compute all parts of a plan, with a progress bar: studies are simulated for each design."""
    todo = designs(parts)
    with progress_bar(
        text="simulating studies", total=len(todo) * (2 if patients else 1), leave=False
    ) as bar:
        comparisons = []
        for seeds, folds in todo:
            comparisons.append(comparison_plan(seeds, folds, models, parts, config.studies))
            bar.update()
        known: Known | None = None
        if patients:
            tested = parts.tested(patients)
            known = {
                "patients": patients,
                "test_patients": tested,
                "validation_patients": parts.validating(patients),
                "widths": [*shown_widths(cohorts, tested, 0), *shown_widths(cohorts, patients, parts.folds)],
                "comparisons": [],
            }
            for seeds, folds in todo:
                design = Design(patients if folds else tested, seeds, folds)
                margin = config.equivalence_margin / 100
                known["comparisons"].append(shown_comparison(design, models, margin, config.studies))
                bar.update()
    return {
        "expected": _expected(config, cohorts, models, parts),
        "widths": width_plan(cohorts, config.half_width / 100, parts),
        "comparisons": comparisons,
        "counts": count_plan(cohorts["patient"], parts),
        "known": known,
        "run": run,
    }


def _expected(config: PlanConfig, cohorts: Cohorts, models: TwoModels, parts: Parts) -> dict[str, float]:
    """What the plan went by, in the units of the options."""
    cohort = cohorts["patient"]
    found = {
        "accuracy": 100 * cohort.accuracy,
        "image_accuracy": 100 * cohorts["image"].accuracy,
        "images": cohort.images,
        "correlation": cohort.correlation,
        "grades": len(cohort.shares),
        "rarest": 100 * min(cohort.shares),
        "test_fraction": parts.test,
        "val_fraction": parts.val,
        "folds": parts.folds,
        "half_width": config.half_width,
        "compared_accuracy": 100 * models.accuracy,
        "apart": 100 * models.apart,
        "discordance": 100 * models.discordance,
        "seed_discordance": 100 * models.seed_discordance,
        "training_sd": config.training_sd,
        "equivalence_margin": config.equivalence_margin,
        "studies": config.studies,
    }
    return {name: round(value, 6) for name, value in found.items()}
