"""Whether the runs of a sweep can answer together: one split, one scale, and the files of each its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from livergrade.errors import UserError
from livergrade.evaluation.cross_fit import scales_differ
from livergrade.evaluation.ood import read_distances
from livergrade.evaluation.predictions import read_predictions
from livergrade.io.counted import counted
from livergrade.io.visible import shown
from livergrade.runs.finished import is_replaced
from livergrade.runs.run import Run

_TOLD = ("predictions.csv", "appearance.csv")
"""Files of a run that have a row for each image."""


def refuse_different(path: Path, members: Sequence[Run], kind: str) -> None:
    """Check that the members are of one split and one scale.

    Raises:
        UserError: lists the members that differ from the first.
    """
    if kind not in ("patient", "kfold"):
        raise UserError(
            f"{shown(path)}: its runs are split by image, so that no run has patients that it was not "
            "trained on; name one run, or train with split=kfold"
        )
    lines, first = _splits_differ(members, kind), members[0]
    for run in members[1:]:
        if scales_differ([first.scale, run.scale]):
            lines.append(
                f"{run.folder}: its training images are of another scale than those of {first.folder}"
            )
        if (first.appearance is None) != (run.appearance is None):
            lines.append(f"{run.folder}: one of this run and {first.folder} has no appearance.json")
    _refuse(path, lines)


def _refuse(path: Path, lines: Sequence[str]) -> None:
    """Refuse the folder if there is a reason.

    Raises:
        UserError: lists the reasons.
    """
    if lines:
        listed = "\n".join(f"  {line}" for line in lines)
        raise UserError(f"{shown(path)}: these runs can't form one ensemble; name one run:\n{listed}")


def refuse_cut_files(runs: Sequence[Run]) -> None:
    """Say what a file that is not a run's own lacks, before it is refused for its bytes alone.

    Raises:
        UserError: lists what such files lack.
    """
    replaced = [run for run in runs if any(is_replaced(run.folder, name) for name in _TOLD)]
    if lines := [f"  {line}" for run in replaced for line in _of_another_split(run)]:
        raise UserError("\n".join(lines))


def refuse_foreign_files(path: Path, members: Sequence[Run]) -> None:
    """Check that the files of each member are of its own split.

    Raises:
        UserError: lists what they lack.
    """
    _refuse(path, [line for run in members for line in _of_another_split(run)])


def _of_another_split(run: Run) -> list[str]:
    """Files of a member that lack images it did not train on, or count some that it did as such images."""
    part = run.split.set_index("image")["split"]
    unseen, trained = set(part.index[part.isin(["val", "test"])]), set(part.index[part == "train"])
    tables, lines = {"predictions.csv": read_predictions(run.folder / "predictions.csv")}, list[str]()
    if run.appearance is not None:
        tables["appearance.csv"] = read_distances(run.folder / "appearance.csv")
    for name, table in tables.items():
        told = set(table["image"][table["split"] != "train"])
        limit = run.recorded.trainer.limit_batches
        if limit and unseen - told:  # a trial, which graded a part of its images
            lines.append(
                f"{run.folder}: is a trial, whose passes stopped after {counted(limit, 'batch', 'batches')} "
                f"({name} lacks {counted(len(unseen - told), 'image')}); train it without "
                "trainer.limit_batches"
            )
            continue
        lines += [
            f"{run.folder}: {name} {problem} {shown(min(images))}, one of {len(images)} such images by its "
            "split.csv; put the run's own files back, or train it again"
            for images, problem in ((unseen - told, "lacks"), (told & trained, "counts as not trained on"))
            if images
        ]
    return lines


def _splits_differ(members: Sequence[Run], kind: str) -> list[str]:
    """Members that test other patients than the first one of their fold, or patients of another fold."""
    lines = []
    firsts: dict[int, Run] = {}
    for run in members:
        first = firsts.setdefault(run.config.split.fold, run)
        tables = [one.split.set_index("image")["split"].sort_index() for one in (first, run)]
        before, now = (table.eq("test") if kind == "kfold" else table for table in tables)
        if not before.equals(now):
            lines.append(f"{run.folder}: has another split than {first.folder}")
    tested = {run: set(run.split["patient"][run.split["split"] == "test"]) for run in firsts.values()}
    for first, run in itertools.combinations(tested, 2):
        if shared := sorted(tested[first] & tested[run]):
            lines.append(
                f"{run.folder}: tests patients that {first.folder} tests, too, as {', '.join(shared[:3])}"
            )
    return lines
