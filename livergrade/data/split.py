"""Decide who is trained on and who is tested, so that no patient is on two sides.

Every draw depends on the seed and the sorted patient names alone: the order of the manifest's rows changes
nothing. Patients are stratified by grade; one with images of several grades counts by its most frequent one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.config.schema import SplitConfig
from livergrade.data.cohort import Cohort, majority_grades
from livergrade.errors import UserError
from livergrade.evaluation.splits import COLUMNS, SPLITS, read_split_table


def make_split(cohort: Cohort, options: SplitConfig) -> pd.DataFrame:
    """Draw the split that ``split.name`` says.

    Returns:
        The cohort's images in its order: ``image,patient,grade,split,sha256``, and ``fold`` for ``kfold``
        (the fold in which the image is tested).

    Raises:
        UserError: a grade has too few patients (images, for the paper's split) to be on every side.
    """
    if options.name == "image":
        units = pd.Series(cohort.table["grade"].to_numpy(), index=cohort.table["image"])
        key = "image"
    else:
        units = majority_grades(cohort.table, cohort.classes)
        key = "patient"
    table = cohort.table[["image", "patient", "grade", "sha256"]].copy()
    if options.name == "kfold":
        folds = _folds(units, cohort.classes, options.folds, options.seed)
        table["fold"] = table[key].map(folds)
        tested = set(folds.index[folds == options.fold])
    else:
        tested = _draw(units, cohort.classes, options.test_fraction, options.seed, key, floor=key == "image")
    rest = units[~units.index.isin(tested)]
    held_out = (
        _draw(rest, cohort.classes, options.val_fraction, options.seed + 1, key)
        if options.val_fraction > 0
        else set()
    )
    table["split"] = np.select([table[key].isin(tested), table[key].isin(held_out)], ["test", "val"], "train")
    if key == "patient":
        refuse_leakage(table)
    return table[[name for name in COLUMNS if name in table]]


def open_split(cohort: Cohort, options: SplitConfig, reused: Path | str | None = None) -> pd.DataFrame:
    """The split of a run: the one in the file ``reused``, or a new one; no patient is on two sides.

    Only the paper's split, ``split=image``, may have patients on two sides.

    Raises:
        UserError: the split can't be drawn or read, or does not fit the cohort.
    """
    split = read_split(Path(reused), cohort) if reused else make_split(cohort, options)
    if options.name != "image":
        refuse_leakage(split)
    return split


def _shuffled(units: pd.Series[str], classes: list[str], seed: int) -> list[tuple[str, list[str]]]:
    """The units of each grade, sorted and then permuted by a generator of its own."""
    drawn = []
    for number, grade in enumerate(classes):
        names = sorted(units.index[units == grade])
        order = np.random.default_rng([seed, number]).permutation(len(names))
        drawn.append((grade, [names[i] for i in order]))
    return drawn


def _draw(
    units: pd.Series[str], classes: list[str], fraction: float, seed: int, unit: str, *, floor: bool = False
) -> set[str]:
    """Draw ``fraction`` of the units of each grade: the nearest number, or the floor as in the paper."""
    drawn, short = set(), []
    for grade, names in _shuffled(units, classes, seed):
        number = int(fraction * len(names) + (1e-9 if floor else 0.5))
        number = min(max(number, 1), len(names) - 1)
        if len(names) < 2:
            short.append(f"{grade} has {len(names)} {unit}{'s' * (len(names) != 1)} left, need at least 2")
        drawn.update(names[:number])
    if short:
        raise UserError(
            "cannot split: " + "; ".join(short) + ". Add data, merge grades or set val_fraction=0."
        )
    return drawn


def _folds(units: pd.Series[str], classes: list[str], folds: int, seed: int) -> pd.Series[int]:
    """Deal the patients of each grade over the folds, going on where the grade before stopped."""
    dealt: dict[str, int] = {}
    short = []
    for grade, names in _shuffled(units, classes, seed):
        if len(names) < folds:
            short.append(f"{grade} has {len(names)}")
        for name in names:
            dealt[name] = len(dealt) % folds
    if short:
        raise UserError(
            f"cannot split into split.folds={folds}: each grade needs at least {folds} patients, but "
            + ", ".join(short)
        )
    return pd.Series(list(dealt.values()), index=list(dealt))


def external_split(cohort: Cohort, trained: Path, *, same_names: bool = False) -> pd.DataFrame:
    """All images of another cohort as the test side, beside what the run was trained on.

    Args:
        cohort: the other cohort.
        trained: ``split.csv`` of the trained run.
        same_names: a patient's name that is in both cohorts means two people; the trained one is renamed.

    Returns:
        The run's training and validation images, then the cohort's in its order, as ``split.csv`` has them.

    Raises:
        UserError: an image, or a patient's name, was trained on; all are listed.
    """
    split = read_split_table(trained)
    seen = split[split["split"] != "test"][["image", "patient", "grade", "split", "sha256"]]
    table = cohort.table[["image", "patient", "grade", "sha256"]].assign(split="test")
    origin = dict(zip(seen["sha256"], seen["image"], strict=True))
    found = [
        f"{row.image}: the very file that was trained on as {origin[row.sha256]}"
        for row in table[table["sha256"].isin(seen["sha256"])].itertuples()
    ]
    both = sorted(set(table["patient"]) & set(seen["patient"]))
    if both and not same_names:
        found.append(
            f"{len(both)} patient{'s' * (len(both) > 1)} trained on: {', '.join(both[:10])}"
            f"{', …' * (len(both) > 10)}; if others are named alike in this cohort, say same_names=true"
        )
    if found:
        listed = "\n".join(f"  {line}" for line in found)
        raise UserError(f"leakage: the run of {trained} has seen what it would be tested on:\n{listed}")
    renamed = seen.assign(
        patient=seen["patient"].where(~seen["patient"].isin(both), seen["patient"] + " (of training)")
    )
    return pd.concat([renamed, table], ignore_index=True)[list(renamed.columns)]


def refuse_leakage(split: pd.DataFrame) -> None:
    """Raise when a patient is on two sides.

    Raises:
        UserError: naming the patients.
    """
    sides = split.groupby("patient")["split"].nunique()
    if both := sides.index[sides > 1].tolist():
        raise UserError(
            f"leakage: {len(both)} patient{'s' * (len(both) > 1)} on two sides of the split: "
            f"{', '.join(map(str, both[:10]))}{', …' * (len(both) > 10)}; only split=image allows that"
        )


def summary(split: pd.DataFrame, classes: list[str]) -> str:
    """Patients and images by grade and side, as text."""
    width = max(12, *map(len, classes))
    lines = [f"{'':>{width}}" + "".join(f"{side:>20}" for side in SPLITS if (split["split"] == side).any())]
    for grade in [*classes, "all"]:
        rows = split if grade == "all" else split[split["grade"] == grade]
        cells = ""
        for side in SPLITS:
            if (split["split"] == side).any():
                there = rows[rows["split"] == side]
                cells += f"{there['patient'].nunique():>5} pat. {len(there):>5} img."
        lines.append(f"{grade:>{width}}{cells}")
    return "\n".join(lines)


def read_split(path: Path, cohort: Cohort) -> pd.DataFrame:
    """Read a ``split.csv`` and check that it is a split of this cohort.

    Raises:
        UserError: images are missing or unknown, or their patient, grade or content changed; all are listed.
    """
    split = read_split_table(path)
    found = [f"split {name!r} is none of {', '.join(SPLITS)}" for name in set(split["split"]) - set(SPLITS)]
    found += [f"no image is in {side}" for side in ("train", "test") if side not in set(split["split"])]
    found += [f"{image}: listed twice" for image in split["image"][split["image"].duplicated()]]
    joined = cohort.table[["image", "patient", "grade", "sha256"]].merge(
        split.drop_duplicates("image"), on="image", how="outer", suffixes=("", "_split"), indicator=True
    )
    for row in joined.to_dict("records"):
        if row["_merge"] == "left_only":
            found.append(f"{row['image']}: in the cohort, not in the split")
        elif row["_merge"] == "right_only":
            found.append(f"{row['image']}: in the split, not in the cohort")
        else:
            found += [
                f"{row['image']}: {name} was {row[f'{name}_split']} when the split was made, is {row[name]}"
                for name in ("patient", "grade", "sha256")
                if row[name] != row[f"{name}_split"]
            ]
    if found:
        listed = "\n".join(f"  {line}" for line in found)
        raise UserError(f"{path}: does not fit this cohort; draw a new split or restore the data:\n{listed}")
    split = split.set_index("image").loc[cohort.table["image"]].reset_index()
    return split[[name for name in COLUMNS if name in split]]


def fingerprint(split: pd.DataFrame) -> str | None:
    """One hash of every image's name, side and content: the same for the same data and split alone."""
    if "sha256" not in split:
        return None
    lines = sorted(
        "\t".join(row) for row in split[["image", "patient", "grade", "split", "sha256"]].to_numpy()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
