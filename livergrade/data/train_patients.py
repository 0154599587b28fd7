"""Train on fewer patients than the split leaves: for a learning curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.splits import UNUSED


def keep_train_patients(
    split: pd.DataFrame, grades: pd.Series[str], classes: Sequence[str], number: int, seed: int
) -> pd.DataFrame:
    """Leave so many training patients in ``train``; the images of the others become ``unused``.

    The patients are put in one order: first one of each grade, then so that every beginning of the order has
    the grades in the proportions of all. A smaller number is therefore a part of a larger one. Validation and
    test patients stay the same.

    Args:
        split: ``patient`` and ``split`` of every image.
        grades: grade of each patient.
        classes: the grades, worst to best.
        number: of patients to train on.
        seed: of the order.

    Raises:
        UserError: there are fewer training patients, or fewer are wanted than there are grades.
    """
    names = pd.Index(split.loc[split["split"] == "train", "patient"].unique())
    by_grade = {grade: sorted(names[grades[names] == grade]) for grade in classes}
    present = [grade for grade in classes if by_grade[grade]]
    if number > len(names):
        raise UserError(
            f"split.train_patients={number}: the split leaves {len(names)} patients for training; give at "
            f"most {len(names)}, or leave it out to train on all"
        )
    if number < len(present):
        raise UserError(
            f"split.train_patients={number}: each of the {len(present)} grades needs a patient; give at "
            f"least {len(present)}"
        )
    places: list[tuple[bool, float, int, str]] = []
    for code, grade in enumerate(classes):
        order = np.random.default_rng([seed, code]).permutation(len(by_grade[grade]))
        places += [
            (place > 0, (place + 0.5) / len(order), code, by_grade[grade][at])
            for place, at in enumerate(order)
        ]
    kept = [name for *_, name in sorted(places)[:number]]
    left_out = (split["split"] == "train") & ~split["patient"].isin(kept)
    return split.assign(split=split["split"].mask(left_out, UNUSED))
