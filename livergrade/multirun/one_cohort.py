"""Refuse to average or compare runs whose images have the same names, but other labels or other bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.changed_images import changed_images, counted
from livergrade.runs.run import Run

_FACTS = ["patient", "grade", "sha256"]
_GRADED = ["patient", "grade", "split"]
_DATA = ("data.",)


def refuse_mixed_cohorts(models: Mapping[str, Mapping[str, Sequence[Run]]], *, external: bool) -> None:
    """Check that runs with the same options of data are of one cohort, and that all were tested on the same.

    Args:
        models: model → repeat → its runs, one per fold.
        external: whether they are evaluations of another cohort, whatever they were trained on.

    Raises:
        UserError: an image has another patient, grade or content in another run, is in some of the runs
            alone, or is in another part of the same split; or the predictions of a run are not of its own
            split. All runs concerned are listed.
    """
    lines: list[str] = []
    firsts: dict[str, Run] = {}
    for run in [run for repeats in models.values() for folds in repeats.values() for run in folds]:
        graded = run.predictions[["image", *_GRADED]].drop_duplicates("image").set_index("image")
        # Training images of another cohort may have the names of the tested ones.
        own = run.split[run.split["split"] == "test"] if external else run.split
        lines += _differences("its split.csv", own.set_index("image")[_GRADED], run, graded)
        first = firsts.setdefault(_options(run, _DATA), run)
        before, now = (_cohort([one], tested=external) for one in (first, run))
        lines += _differences(first.folder, before, run, now, same_images=True)
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


def _options(run: Run, groups: Sequence[str]) -> str:
    """Options of a run that say where its images and its split are from, as one text."""
    unlike = ("data.image_size", "data.batch_size")
    return str(
        [
            (key, run.settings[key])
            for key in run.settings
            if key.startswith(tuple(groups)) and key not in unlike
        ]
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
        first = firsts.setdefault(_options(run, (*_DATA, "split.")), run)
        if part in first.split and part in run.split:
            before, now = (one.split.set_index("image")[[part]] for one in (first, run))
            lines += _differences(first.folder, before, run, now)
    return lines


def _differences(
    first: object, before: pd.DataFrame, run: Run, now: pd.DataFrame, *, same_images: bool = False
) -> list[str]:
    """One line on the images of a run that differ from those of ``first``, its name; or none."""
    messages = changed_images(before, now, same_images=same_images)
    return [f"{run.folder}, against {first}: {counted(messages)}"] if messages else []
