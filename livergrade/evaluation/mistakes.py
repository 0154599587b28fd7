"""The test images that were graded most wrongly."""

from __future__ import annotations

import numpy as np
import pandas as pd

from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.predictions import class_names


def worst_images(predictions: pd.DataFrame, most: int = 8) -> pd.DataFrame:
    """Wrongly graded test images, the gravest first: off by most grades, then least sure of the true one.

    Args:
        predictions: checked predictions, one row a view.
        most: how many are wanted.

    Returns:
        One row an image: ``image``, ``patient``, ``grade``, ``predicted``, ``off`` (grades), ``p_<grade>``.
    """
    classes = class_names(predictions)
    test = predictions[predictions["split"] == "test"]
    level = aggregate(test)["image"]
    patients = test.drop_duplicates("image").set_index("image")["patient"]
    table = pd.DataFrame(
        {
            "image": level.names,
            "patient": patients[list(level.names)].to_numpy(),
            "grade": np.array(classes)[level.truth],
            "predicted": np.array(classes)[level.predicted],
            "off": np.abs(level.truth - level.predicted),
        }
    )
    table[[f"p_{grade}" for grade in classes]] = level.scores
    table["true"] = level.scores[np.arange(len(level.truth)), level.truth]
    wrong = table[table["off"] > 0].sort_values(["off", "true", "image"], ascending=[False, True, True])
    return wrong.drop(columns="true").head(most).reset_index(drop=True)
