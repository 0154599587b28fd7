"""Split a cohort into training, validation and test patients without leakage.

The random split depends only on the seed and the sorted patient names, not on the row order of the manifest.
Patients are stratified by grade; a patient with images of several grades counts with the most frequent one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.config.schema import SplitConfig
from livergrade.data.cohort import Cohort
from livergrade.data.patient_alias import PatientAlias
from livergrade.data.train_patients import keep_train_patients
from livergrade.errors import UserError
from livergrade.evaluation.grade_counts import grade_counts, majority_grades, without_patients
from livergrade.evaluation.splits import COLUMNS, SPLITS, UNUSED, read_split_table
from livergrade.io.patient_names import patient_key, patient_keys
from livergrade.io.typed_list import typed_list


def make_split(cohort: Cohort, options: SplitConfig) -> pd.DataFrame:
    """Draw the random split of kind ``split.name``.

    In a cross-validation the fold after the tested one, the first after the last, is the validation part:
    over all folds every patient is tested once and validates once. With two folds nothing would be left to
    train on, so a share of the other fold is drawn.

    Returns:
        The cohort's images in its order: ``image,patient,grade,split,sha256``, and ``fold`` for ``kfold``
        (the fold in which the image is tested).

    Raises:
        UserError: a grade has too few patients (images, for the paper's split) for every split part.
    """
    if options.name == "image":
        units = pd.Series(cohort.table["grade"].to_numpy(), index=cohort.table["image"])
        key = "image"
    else:
        units = majority_grades(cohort.table, cohort.classes)
        key = "patient"
    table = cohort.table[["image", "patient", "grade", "sha256"]].copy()
    held_out: set[str] = set()
    rotated = options.name == "kfold" and options.folds > 2 and not options.val_folds
    if options.name == "kfold":
        folds = _folds(units, cohort, options.folds, options.seed, "split.folds")
        table["fold"] = table[key].map(folds)
        tested = set(folds.index[folds == options.fold])
        if rotated and options.val_fraction > 0:
            held_out = set(folds.index[folds == (options.fold + 1) % options.folds])
    else:
        tested = _draw(units, cohort, options.test_fraction, options.seed, key, floor=key == "image")
    if not rotated:
        held_out = _validating(units[~units.index.isin(tested)], cohort, options, key)
    table["split"] = np.select([table[key].isin(tested), table[key].isin(held_out)], ["test", "val"], "train")
    if options.train_patients:
        number, seed = options.train_patients, options.seed + 2
        table = keep_train_patients(table, units, cohort.classes, number, seed)
    if key == "patient":
        refuse_leakage(table)
    return table[[name for name in COLUMNS if name in table]]


def open_split(cohort: Cohort, options: SplitConfig, reused: Path | str | None = None) -> pd.DataFrame:
    """The split of a run: the one in the file ``reused``, or a new one; checked for patient leakage.

    Only the paper's split, ``split=image``, may have patients in more than one split part.

    Raises:
        UserError: the split can't be drawn or read, or does not fit the cohort.
    """
    split = read_split(Path(reused), cohort) if reused else make_split(cohort, options)
    if reused and options.val_folds:
        rest = split["split"] != "test"
        held_out = _validating(majority_grades(split[rest], cohort.classes), cohort, options, "patient")
        split.loc[rest, "split"] = np.where(split["patient"][rest].isin(held_out), "val", "train")
    if options.name != "image":
        refuse_leakage(split)
    return split


def _validating(units: pd.Series[str], cohort: Cohort, options: SplitConfig, unit: str) -> set[str]:
    """Those of the units that are not tested which validate: one of their folds, or a fraction, or none."""
    if options.val_folds:
        folds = _folds(units, cohort, options.val_folds, options.seed + 1, "split.val_folds")
        return set(folds.index[folds == options.val_fold])
    if options.val_fraction > 0:
        return _draw(units, cohort, options.val_fraction, options.seed + 1, unit, validation=True)
    return set()


def _shuffled(units: pd.Series[str], classes: list[str], seed: int) -> list[tuple[str, list[str]]]:
    """The units of each grade, sorted and then permuted with a separate generator per grade."""
    shuffled = []
    for number, grade in enumerate(classes):
        names = sorted(units.index[units == grade])
        order = np.random.default_rng([seed, number]).permutation(len(names))
        shuffled.append((grade, [names[i] for i in order]))
    return shuffled


def _draw(
    units: pd.Series[str],
    cohort: Cohort,
    fraction: float,
    seed: int,
    unit: str,
    *,
    floor: bool = False,
    validation: bool = False,
) -> set[str]:
    """Draw ``fraction`` of the units of each grade, rounded to nearest, or down as in the paper."""
    drawn, too_small = set(), {}
    for grade, names in _shuffled(units, cohort.classes, seed):
        number = int(fraction * len(names) + (1e-9 if floor else 0.5))
        number = min(max(number, 1), len(names) - 1)
        if len(names) < 2:
            left = " left" * validation
            too_small[grade] = (
                f"{grade} has {len(names)} {unit}{'s' * (len(names) != 1)}{left}, need at least 2"
            )
        drawn.update(names[:number])
    if too_small:
        other = "set split.val_fraction=0, " if validation else ""
        raise UserError("cannot split: " + _shortage(too_small, cohort, unit, other))
    return drawn


def _folds(units: pd.Series[str], cohort: Cohort, folds: int, seed: int, option: str) -> pd.Series[int]:
    """Assign the patients of each grade to folds in turn, continuing where the previous grade ended.

    ``option`` is the name of the option that sets their number, for messages.
    """
    fold_of: dict[str, int] = {}
    too_small, fewest = {}, folds
    for grade, names in _shuffled(units, cohort.classes, seed):
        if len(names) < folds:
            too_small[grade] = f"{grade} has {len(names)}"
            fewest = min(fewest, len(names))
        for name in names:
            fold_of[name] = len(fold_of) % folds
    if too_small:
        other = f"set {option}={fewest}, " if fewest > 1 else ""
        raise UserError(
            f"cannot split into {option}={folds}: each grade needs at least {folds} patients, but "
            + _shortage(too_small, cohort, "patient", other)
        )
    return pd.Series(list(fold_of.values()), index=list(fold_of))


def _shortage(too_small: dict[str, str], cohort: Cohort, unit: str, other: str) -> str:
    """What is too small, and what to do about it.

    Args:
        too_small: grade → how many units it has.
        cohort: the cohort.
        unit: ``patient`` or ``image``.
        other: what else may be done, with a comma behind it; may be empty.
    """
    of_no_patient = dict(without_patients(cohort.table, cohort.classes)) if unit == "patient" else {}
    reasons = [
        f"{text}: it is no patient's most frequent grade (a tie goes to the worse), though "
        f"{of_no_patient[grade]} images have it"
        if grade in of_no_patient
        else text
        for grade, text in too_small.items()
    ]
    merge = ""
    if len(cohort.classes) > 2:
        grade = next(iter(too_small))
        at = cohort.classes.index(grade)
        neighbour = cohort.classes[at + 1] if at + 1 < len(cohort.classes) else cohort.classes[at - 1]
        kept = typed_list("data.classes", (name for name in cohort.classes if name != grade))
        merge = f" or merge grades: give the images of {grade} the grade {neighbour}, and set {kept}"
    return f"{'; '.join(reasons)}. {other[:1].upper()}{other[1:]}{'add' if other else 'Add'} {unit}s{merge}."


def external_split(
    cohort: Cohort,
    trained: pd.DataFrame,
    file: Path,
    *,
    same_names: bool = False,
    alias: PatientAlias | None = None,
) -> pd.DataFrame:
    """Split with all images of an external cohort as test images, and the training images of the run.

    Args:
        cohort: the other cohort.
        trained: split of the trained run.
        file: where it is from, for the message.
        same_names: patients with one name, in whatever spelling, in both cohorts are different people; the
            training one is renamed.
        alias: names that the run took for one patient.

    Returns:
        The run's training and validation images, then the cohort's in its order, as in ``split.csv``.

    Raises:
        UserError: an image or a patient name occurs in the training data; all are listed.
    """
    training = trained[trained["split"].isin(("train", "val"))]
    training = training[["image", "patient", "grade", "split", "sha256"]]
    table = cohort.table[["image", "patient", "grade", "sha256"]].assign(split="test")
    origin = dict(zip(training["sha256"], training["image"], strict=True))
    messages = [
        f"{row.image}: the same file was trained on as {origin[row.sha256]}"
        for row in table[table["sha256"].isin(training["sha256"])].itertuples()
    ]
    common = _common_patients(
        _all_names(table["patient"], cohort.alias), _all_names(training["patient"], alias)
    )
    if common and not same_names:
        found = [name if name == seen else f"{name} (as {seen})" for name, seen in common]
        messages.append(
            f"{len(found)} patient{'s' * (len(found) > 1)} trained on: {', '.join(found[:10])}"
            f"{', …' * (len(found) > 10)}; if these are different people, set same_names=true"
        )
    if messages:
        listed = "\n".join(f"  {line}" for line in messages)
        raise UserError(
            f"leakage: the run of {file} was trained on images or patients of this test set:\n{listed}"
        )
    in_both = training["patient"].isin([seen for _, seen in common])
    renamed = training.assign(
        patient=training["patient"].where(~in_both, training["patient"] + " (of training)")
    )
    return pd.concat([renamed, table], ignore_index=True)[list(renamed.columns)]


def _all_names(patients: pd.Series[str], alias: PatientAlias | None) -> dict[str, set[str]]:
    """Each patient with the keys of all names that he has."""
    keys = {name: set(patient_keys(name)) for name in patients.unique()}
    for name, kept in (alias.names()[0] if alias else {}).items():
        if kept in keys:
            keys[kept].add(patient_key(name))
    return keys


def _common_patients(tested: dict[str, set[str]], trained: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The patients of two cohorts that share a name in whatever spelling: as tested, and as trained on."""
    by_key: dict[str, list[str]] = {}
    for name, keys in trained.items():
        for key in keys:
            by_key.setdefault(key, []).append(name)
    pairs = ((name, seen) for name, keys in tested.items() for key in keys for seen in by_key.get(key, []))
    return sorted(set(pairs))


def refuse_leakage(split: pd.DataFrame) -> None:
    """Check that every patient is in one split part only.

    Raises:
        UserError: a patient is in several; lists the patients.
    """
    part_counts = split.groupby("patient")["split"].nunique()
    if leaking := part_counts.index[part_counts > 1].tolist():
        raise UserError(
            f"leakage: {len(leaking)} patient{'s' * (len(leaking) > 1)} on two sides of the split: "
            f"{', '.join(map(str, leaking[:10]))}{', …' * (len(leaking) > 10)}; only split=image allows that"
        )


def summary(split: pd.DataFrame, classes: list[str]) -> str:
    """Text table of patients and images by grade and split part."""
    width = max(12, *map(len, classes))
    parts = {part: split[split["split"] == part] for part in SPLITS if (split["split"] == part).any()}
    lines = [f"{'':>{width}}" + "".join(f"{part:>20}" for part in parts)]
    counts = [grade_counts(rows, classes) for rows in parts.values()]
    for grade, *cells in zip([*classes, "all"], *counts, strict=True):
        text = "".join(f"{patients:>5} pat. {images:>5} img." for patients, images in cells)
        lines.append(f"{grade:>{width}}{text}")
    if unused := split[split["split"] == UNUSED]["patient"].nunique():
        lines.append(f"{unused} further patients are left out of training (split.train_patients)")
    return "\n".join(lines)


def read_split(path: Path, cohort: Cohort) -> pd.DataFrame:
    """Read a ``split.csv`` and check that it matches this cohort.

    Raises:
        UserError: images are missing or unknown, or their patient, grade or content changed; all are listed.
    """
    split = read_split_table(path)
    messages = [
        f"split {name!r} is none of {', '.join(SPLITS)}" for name in set(split["split"]) - {*SPLITS, UNUSED}
    ]
    messages += [f"no image is in {part}" for part in ("train", "test") if part not in set(split["split"])]
    messages += [f"{image}: listed twice" for image in split["image"][split["image"].duplicated()]]
    joined = cohort.table[["image", "patient", "grade", "sha256"]].merge(
        split.drop_duplicates("image"), on="image", how="outer", suffixes=("", "_split"), indicator=True
    )
    for row in joined.to_dict("records"):
        if row["_merge"] == "left_only":
            messages.append(f"{row['image']}: in the cohort, not in the split")
        elif row["_merge"] == "right_only":
            messages.append(f"{row['image']}: in the split, not in the cohort")
        else:
            messages += [
                f"{row['image']}: {name} was {row[f'{name}_split']} when the split was made, is {row[name]}"
                for name in ("patient", "grade", "sha256")
                if row[name] != row[f"{name}_split"]
            ]
    if messages:
        listed = "\n".join(f"  {line}" for line in messages)
        raise UserError(
            f"{path}: does not match this cohort; make a new split or restore the data:\n{listed}"
        )
    split = split.set_index("image").loc[cohort.table["image"]].reset_index()
    return split[[name for name in COLUMNS if name in split]]
