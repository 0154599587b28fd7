"""What a finished run or sweep has, from which follows what its cohort can show."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.expected_width import correlation_of
from livergrade.evaluation.grade_counts import grade_counts
from livergrade.evaluation.levels import REPORTED_LEVELS, Level, aggregate
from livergrade.evaluation.study_plan import Studied
from livergrade.io.visible import shown
from livergrade.multirun.grouping import Group, arms
from livergrade.multirun.measures import estimate, measure, pooled_tables
from livergrade.runs.find import find_runs
from livergrade.runs.run import Run, display_name

SWAPS = 10_000
"""Permutations of the comparison, as `livergrade.compare` makes by default."""


def studied(folder: str, margin: float) -> tuple[Studied, int, int]:
    """Read a finished run, or all finished runs of a sweep, and measure them.

    Args:
        folder: the folder.
        margin: difference in accuracy that does not matter, a share.

    Returns:
        What it has; its patients in all, and those of them that validate.

    Raises:
        UserError: there is no finished run, the runs do not belong together, or patients are on two sides of
            their split.
    """
    try:
        groups, left_out = arms(find_runs([folder])[0])
    except UserError as error:
        raise UserError(str(error).replace("nothing to compare", "nothing to plan from")) from None
    if len(groups) > 1 or groups[0].kind == "image":
        kinds = ", ".join(f"split={group.kind}" for group in groups)
        raise UserError(
            f"run={shown(folder)}: has runs of {kinds}; a plan is about one kind of split, by patient: name "
            "the folder of one run"
        )
    arm = groups[0]
    measured = measure(arm, resamples=100, permutations=SWAPS, seed=0, margin=margin)
    models = [[aggregate(table) for table in tables.values()] for tables in pooled_tables(arm).values()]
    tested = pd.concat([run.tested for run in arm.runs]).drop_duplicates("image")
    counts = grade_counts(tested, arm.runs[0].classes)
    printed = [pair["patient"]["decision"]["detectable"] for pair in measured["pairs"]]
    several = [
        each for pair, each in zip(measured["pairs"], printed, strict=True) if pair["about"] == "models"
    ]
    has: Studied = {
        "folder": display_name(Path(folder).absolute()),
        "kind": arm.kind,
        "trainings": len(arm.runs),
        "seeds": min(len(repeats) for repeats in arm.models.values()),
        "folds": arm.runs[0].config.split.folds if arm.kind == "kfold" else 0,
        "grades": dict(zip(arm.runs[0].classes, (patients for patients, _ in counts), strict=False)),
        "accuracy": {
            name: {level: estimate(model, level, "accuracy") for level in REPORTED_LEVELS}
            for name, model in measured["models"].items()
        },
        "images": counts[-1][1] / max(counts[-1][0], 1),
        "correlation": _mean([_correlation(levels["image"]) for runs in models for levels in runs]),
        "discordance": _mean(
            [
                _discordance(one, other)
                for first, second in itertools.combinations(models, 2)
                for one, other in itertools.product(first, second)
            ]
        ),
        "seed_discordance": _mean(
            [_discordance(*pair) for runs in models for pair in itertools.combinations(runs, 2)]
        ),
        "detectable": min((each for each in several if each is not None), default=None),
        "set_sizes": {display_name(run.folder): _set_size(run) for run in arm.runs},
    }
    for line in left_out:
        has["folder"] += f" (left out: {line})"
    return has, *_patients(arm)


def _patients(arm: Group) -> tuple[int, int]:
    """Patients in all of the cohort, and the least number of them that validates in a run."""
    splits = [run.split for run in arm.runs]
    if arm.kind == "external":  # the others are of the cohort that it was trained on
        splits = [split[split["split"] == "test"] for split in splits]
    every = pd.concat([split["patient"] for split in splits]).nunique()
    return every, min(split["patient"][split["split"] == "val"].nunique() for split in splits)


def _set_size(run: Run) -> float | None:
    sets = run.metrics.get("conformal", {})
    return sets["patient"]["size"]["value"] if "patient" in sets else None


def _correlation(images: Level) -> float | None:
    return correlation_of((images.predicted == images.truth).astype(float), images.patient)


def _discordance(first: dict[str, Level], second: dict[str, Level]) -> float | None:
    """Share of the patients that both trainings tested of whom one of them is right and the other is not."""
    right: list[pd.Series[bool]] = [
        pd.Series(levels["patient"].predicted == levels["patient"].truth, levels["patient"].names)
        for levels in (first, second)
    ]
    both = right[0].index.intersection(right[1].index)
    return float((right[0][both] != right[1][both]).mean()) if len(both) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known: Floats = np.array([value for value in values if value is not None], float)
    return float(known.mean()) if len(known) else None
