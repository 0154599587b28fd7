"""Accuracy by subgroup of the test set: sex, age, scanner, site or any extra column of the manifest."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from livergrade.evaluation.levels import LevelName
from livergrade.evaluation.predictions import carried_columns
from livergrade.evaluation.summary import Subgroup, evaluate

MAX_GROUPS = 8
"""A column with more distinct values is split at its median if it is numeric, and left out if not."""

OF_REGIONS = ("region_class", "region_name", "grade_from")
"""Columns that ``prepare`` adds to a manifest. They tell where a label is from, and define no group."""


def subgroups(predictions: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> list[Subgroup]:
    """Accuracy in each group defined by an extra column of the manifest.

    A column that is constant within each patient gives groups of patients; any other column gives groups of
    images. A column without a name, and one whose cells differ for each image, as row numbers and names do,
    gives none, unless its cells are measurements with a fraction.

    Args:
        predictions: checked predictions, one row per view; extra columns follow the probabilities.
        resamples: number of bootstrap resamples of the patients.
        seed: seed of the bootstrap.

    Returns:
        One entry per group; its metrics are as in `livergrade.evaluation.summary.evaluate`.
    """
    test = predictions[predictions["split"] == "test"]
    rows: list[Subgroup] = []
    for column in carried_columns(predictions):
        if column in OF_REGIONS or _names_rows(column, test.drop_duplicates("image")[column]):
            continue
        groups = _groups(test[column])
        values = sorted(groups.unique())
        if not 2 <= len(values) <= MAX_GROUPS:
            continue
        by_patient = (groups.groupby(test["patient"]).nunique() == 1).all()
        level: LevelName = "patient" if by_patient else "image"
        for value in values:
            part = test[groups == value]
            metrics = evaluate(part, None, resamples=resamples, seed=seed)
            rows.append(
                {
                    "column": column,
                    "value": value,
                    "level": level,
                    "patients": metrics["counts"]["patients"],
                    "images": metrics["counts"]["images"],
                    "accuracy": metrics[level]["accuracy"],
                    "mean_absolute_error": metrics[level]["mean_absolute_error"],
                }
            )
    return rows


def _names_rows(column: str, values: pd.Series[Any]) -> bool:
    """Whether a column has no name, or tells images apart instead of describing them."""
    if re.fullmatch(r"\s*|Unnamed: \d+", column):
        return True
    numbers = pd.to_numeric(values, errors="coerce")
    fractions = bool(numbers.notna().all() and (numbers % 1 != 0).any())
    return len(values) > 2 and values.is_unique and not fractions


def _groups(values: pd.Series[Any]) -> pd.Series[str]:
    """Group of each row, as text; numeric columns with many values are split at the median."""
    text = values.fillna("").astype(str).replace("", "not given")
    numbers = pd.to_numeric(text.where(text != "not given"), errors="coerce")
    if text.nunique() <= MAX_GROUPS or numbers.isna().ne(text == "not given").any():
        return text
    median = numbers.median()
    return text.where(numbers.isna(), f"up to {median:g}").where(~(numbers > median), f"above {median:g}")
