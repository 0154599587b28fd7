"""The one place that decides whether a grade is given; tables, figures and pages take the answer from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from livergrade.io.grades import UNLIKE, UNSURE


def add_answer(table: pd.DataFrame, classes: Sequence[str], abstain: float | None) -> pd.DataFrame:
    """Add the answer to a table of predictions.

    Args:
        table: one row per tile, image, slide or patient, with ``predicted``, ``p_<grade>`` and ``unlike``,
            the share of its images or tiles that are out of distribution.
        classes: the grades, worst to best.
        abstain: probability of the predicted grade below which the answer is `UNSURE`; None: never.

    Returns:
        The table with ``answer``: the predicted grade, or the reason why there is none; `UNLIKE` if more than
        half is out of distribution.
    """
    probabilities = table[[f"p_{grade}" for grade in classes]].to_numpy(np.float64)
    unsure = probabilities.max(1, initial=0) < (abstain or 0)
    return table.assign(answer=table["predicted"].mask(unsure, UNSURE).mask(table["unlike"] > 0.5, UNLIKE))
