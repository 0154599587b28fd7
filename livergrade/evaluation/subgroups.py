"""How accuracy differs between parts of the test set: by sex, age, scanner, site or whatever was carried."""

from __future__ import annotations

from typing import Any

import pandas as pd

from livergrade.evaluation.levels import LevelName
from livergrade.evaluation.predictions import carried_columns
from livergrade.evaluation.summary import evaluate

MOST = 8
"""A column of more different values is cut at its median if it holds numbers, and left out if not."""


def subgroups(predictions: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> list[dict[str, Any]]:
    """Accuracy in each group that a carried column of the manifest forms.

    A column that is the same in all images of each patient forms groups of patients, any other groups of
    images.

    Args:
        predictions: checked predictions, one row a view; the columns behind the probabilities are carried.
        resamples: bootstrap resamples of the patients.
        seed: of the bootstrap.

    Returns:
        One entry a group: ``column``, ``value``, ``level`` (``patient`` or ``image``), ``patients``,
        ``images`` and the figures ``accuracy`` and ``mean_absolute_error`` as
        `livergrade.evaluation.summary.evaluate` has them.
    """
    test = predictions[predictions["split"] == "test"]
    found = []
    for column in carried_columns(predictions):
        groups = _groups(test[column])
        values = sorted(groups.unique())
        if not 2 <= len(values) <= MOST:
            continue
        of_patients = (groups.groupby(test["patient"]).nunique() == 1).all()
        level: LevelName = "patient" if of_patients else "image"
        for value in values:
            part = test[groups == value]
            metrics = evaluate(part, None, resamples=resamples, seed=seed)
            found.append(
                {
                    "column": column,
                    "value": value,
                    "level": level,
                    "patients": metrics["counts"]["patients"],
                    "images": metrics["counts"]["images"],
                    **{figure: metrics[level][figure] for figure in ("accuracy", "mean_absolute_error")},
                }
            )
    return found


def _groups(values: pd.Series[Any]) -> pd.Series[str]:
    """The group of each row, as text; numbers of many values fall into two halves."""
    text = values.fillna("").astype(str).replace("", "not given")
    numbers = pd.to_numeric(text.where(text != "not given"), errors="coerce")
    if text.nunique() <= MOST or numbers.isna().ne(text == "not given").any():
        return text
    middle = numbers.median()
    return text.where(numbers.isna(), f"up to {middle:g}").where(~(numbers > middle), f"above {middle:g}")
