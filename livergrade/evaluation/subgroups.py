"""Accuracy by subgroup of the test set: sex, age, scanner, site or any extra column of the manifest."""

from __future__ import annotations

import re
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.evaluation.estimate import Estimate, estimate, undefined
from livergrade.evaluation.intervals import CONFIDENCE, Jackknife, newcombe
from livergrade.evaluation.levels import Level, LevelName, aggregate
from livergrade.evaluation.paired_tests import holm
from livergrade.evaluation.predictions import carried_columns
from livergrade.evaluation.summary import Subgroup, evaluate

MAX_GROUPS = 8
"""A column with more distinct values is split at its median if it is numeric, and left out if not."""

OF_REGIONS = ("region_class", "region_name", "grade_from")
"""Columns that ``prepare`` adds to a manifest. They tell where a label is from, and define no group."""


def subgroups(predictions: pd.DataFrame) -> list[Subgroup]:
    """Accuracy in each group defined by an extra column of the manifest, and its difference from the others.

    A column that is constant within each patient gives groups of patients; any other column gives groups of
    images. A column without a name, and one whose cells differ for each image, as row numbers and names do,
    gives none, unless its cells are measurements with a fraction. A numeric column with many values is split
    at the median of the patients.

    Args:
        predictions: checked predictions, one row per view; extra columns follow the probabilities.

    Returns:
        One entry per group; its metrics are as in `livergrade.evaluation.summary.evaluate`. Differences have
        p values that are corrected over all groups (Holm).
    """
    test = predictions[predictions["split"] == "test"]
    rows: list[Subgroup] = []
    for column in carried_columns(predictions):
        if column in OF_REGIONS or _names_rows(column, test.drop_duplicates("image")[column]):
            continue
        groups = _groups(test[column], test["patient"])
        values = sorted(groups.unique())
        if not 2 <= len(values) <= MAX_GROUPS:
            continue
        by_patient = (groups.groupby(test["patient"]).nunique() == 1).all()
        level: LevelName = "patient" if by_patient else "image"
        for value in values:
            inside = groups == value
            metrics = evaluate(test[inside], None, resamples=1, mix="random")
            difference, p = from_others(aggregate(test)[level], set(test.loc[inside, _NAME[level]]))
            rows.append(
                {
                    "column": column,
                    "value": value,
                    "level": level,
                    "patients": metrics["counts"]["patients"],
                    "images": metrics["counts"]["images"],
                    "accuracy": metrics[level]["accuracy"],
                    "mean_absolute_error": metrics[level]["mean_absolute_error"],
                    "difference": difference,
                    "p": p,
                }
            )
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
    return rows


def _names_rows(column: str, values: pd.Series[Any]) -> bool:
    """Whether a column has no name, or tells images apart instead of describing them."""
    if re.fullmatch(r"\s*|Unnamed: \d+", column):
        return True
    numbers = pd.to_numeric(values, errors="coerce")
    fractions = bool(numbers.notna().all() and (numbers % 1 != 0).any())
    return len(values) > 2 and values.is_unique and not fractions


_NAME: dict[LevelName, str] = {"view": "image", "image": "image", "patient": "patient"}


def from_others(level: Level, names: set[str]) -> tuple[Estimate, float | None]:
    """Accuracy of the named rows minus that of all others, and its two-sided p value.

    The interval is Newcombe's (Stat. Med. 17, 1998): both shares have their own score interval.
    """
    inside = np.isin(level.names, list(names))
    first, second = (_share(level, rows) for rows in (inside, ~inside))
    n = len(level.names)
    if first["value"] is None or second["value"] is None:
        return undefined(n, "there are no others"), None
    value = first["value"] - second["value"]
    low1, high1, low2, high2 = first["low"], first["high"], second["low"], second["high"]
    if low1 is None or high1 is None or low2 is None or high2 is None:
        reason = "too few test patients in the group or among the others"
        return {"value": value, "low": None, "high": None, "n": n, "reason": reason}, None
    low, high = newcombe((first["value"], low1, high1), (second["value"], low2, high2))
    result: Estimate = {
        "value": value,
        "low": low,
        "high": high,
        "n": n,
        "method": "Newcombe, effective patients",
    }
    # The p value is that of the interval: 5 % where its nearer end is 0.
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * abs(value) / (value - low if value > 0 else high - value)
    return result, 2 * (1 - NormalDist().cdf(z))


def _share(level: Level, among: npt.NDArray[np.bool_]) -> Estimate:
    """Accuracy of some of the rows."""
    if not among.any():
        return undefined(0, "there are no such rows")
    correct = (level.predicted == level.truth)[among]
    _, patient = np.unique(level.patient[among], return_inverse=True)
    jackknife = Jackknife(np.zeros(patient.max() + 1, np.int64), "random")
    hits, rows = np.bincount(patient, correct), np.bincount(patient)
    with np.errstate(invalid="ignore"):
        shares = (jackknife.multiplicities @ hits) / (jackknife.multiplicities @ rows)
    return estimate(shares, len(correct), jackknife, share=True)


def _groups(values: pd.Series[Any], patient: pd.Series[str]) -> pd.Series[str]:
    """Group of each row, as text; numeric columns with many values are split at the patients' median."""
    text = values.fillna("").astype(str).replace("", "not given")
    numbers = pd.to_numeric(text.where(text != "not given"), errors="coerce")
    if text.nunique() <= MAX_GROUPS or numbers.isna().ne(text == "not given").any():
        return text
    median = numbers.groupby(patient).median().median()
    return text.where(numbers.isna(), f"up to {median:g}").where(~(numbers > median), f"above {median:g}")
