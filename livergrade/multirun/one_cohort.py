"""Refuse to average or compare runs whose images have the same names, but other labels or other bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.changed_images import changed_images, counted
from livergrade.runs.run import Run

_FACTS = ["patient", "grade", "sha256"]
_GRADED = ["patient", "grade", "split"]


def refuse_mixed_cohorts(models: Mapping[str, Mapping[str, Sequence[Run]]], *, external: bool) -> None:
    """Check that the runs of each model are of one cohort, and that models have the same test images.

    Args:
        models: model → repeat → its runs, one per fold.
        external: whether they are evaluations of another cohort, whatever they were trained on.

    Raises:
        UserError: an image has another patient, grade or content in another run, is in some repeats of a
            model alone, or is in another part of the same split; or the predictions of a run are not of its
            own split. All runs concerned are listed.
    """
    by_model = [[run for folds in repeats.values() for run in folds] for repeats in models.values()]
    lines: list[str] = []
    for runs in by_model:
        first = _cohort(runs[:1], tested=external)
        for run in runs:
            graded = run.predictions[["image", *_GRADED]].drop_duplicates("image").set_index("image")
            # Training images of another cohort may have the names of the tested ones.
            own = run.split[run.split["split"] == "test"] if external else run.split
            lines += _differences("its split.csv", own.set_index("image")[_GRADED], run, graded)
            now = _cohort([run], tested=external)
            lines += _differences(runs[0].folder, first, run, now, same_images=True)
    for repeat in next(iter(models.values())):
        shared = [repeats[repeat] for repeats in models.values() if repeat in repeats]
        for folds in shared[1:] if len(shared) == len(models) else ():
            before, now = (_cohort(runs, tested=True) for runs in (shared[0], folds))
            lines += _differences(shared[0][0].folder, before, folds[0], now)
        if not external:
            lines += _splits_differ([run for folds in shared for run in folds])
    if lines:
        listed = "\n".join(f"  {line}" for line in dict.fromkeys(lines))
        raise UserError(
            f"these runs are not of the same data, so they can't be averaged or compared:\n{listed}\nTrain "
            "those of the earlier data again, or give runs of one state of the data alone."
        )


def _cohort(runs: Sequence[Run], *, tested: bool) -> pd.DataFrame:
    """Patient, grade and SHA-256 of the images of runs, or of their test images alone, by image."""
    splits = [run.split[run.split["split"] == "test"] if tested else run.split for run in runs]
    return pd.concat(splits).set_index("image")[_FACTS]


def _splits_differ(runs: Sequence[Run]) -> list[str]:
    """Runs of one seed with the same options of data and split, of which the split differs nevertheless."""
    firsts: dict[str, Run] = {}
    lines = []
    for run in runs:
        part = "fold" if run.config.split.name == "kfold" else "split"
        options = {key: value for key, value in run.settings.items() if key.startswith(("data.", "split."))}
        first = firsts.setdefault(f"{part} {options}", run)
        if first is not run and part in first.split and part in run.split:
            before, now = (one.split.set_index("image")[[part]] for one in (first, run))
            lines += _differences(first.folder, before, run, now)
    return lines


def _differences(
    first: object, before: pd.DataFrame, run: Run, now: pd.DataFrame, *, same_images: bool = False
) -> list[str]:
    """One line on the images of a run that differ from those of ``first``, its name; or none."""
    messages = changed_images(before, now, same_images=same_images)
    return [f"{run.folder}, against {first}: {counted(messages)}"] if messages else []
