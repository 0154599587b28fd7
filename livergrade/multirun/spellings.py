"""Refuse runs in which one patient may count as two, by the spelling of the name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from livergrade.errors import UserError
from livergrade.io.patient_names import family_problems, patient_key
from livergrade.runs.run import Run


def refuse_spellings(repeats: Iterable[Sequence[Run]]) -> None:
    """Check that no tested patient has a second name, within a run or between the folds of one repeat.

    Runs with ``data.patient_names=exact`` treat such names as different people.

    Args:
        repeats: of each repeat its folds.

    Raises:
        UserError: lists each such name of the first repeat that has any, with its spellings.
    """
    for folds in repeats:
        _refuse_spellings(folds)


def _refuse_spellings(folds: Sequence[Run]) -> None:
    if all(run.config.data.patient_names == "exact" for run in folds):
        return
    tested = {patient_key(name) for run in folds for name in run.tested["patient"].unique()}
    images = {
        (image, patient)
        for run in folds
        for table in (run.split, run.tested)
        for image, patient in zip(table["image"], table["patient"], strict=True)
    }
    if problems := family_problems(name for _, name in images if patient_key(name) in tested):
        raise UserError(
            "leakage: one patient may count as two in "
            + ", ".join(str(run.folder) for run in folds)
            + ":\n"
            + "\n".join(f"  {line}" for line in problems)
            + "\nTrain again, with data.patient_alias=<CSV> if they are one person, or with "
            "data.patient_names=exact if they are different people."
        )
