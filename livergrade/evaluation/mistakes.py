"""The worst misclassified test images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.predictions import class_names


def worst_images(predictions: pd.DataFrame, most: int = 8) -> pd.DataFrame:
    """Misclassified test images, worst first: largest grade error, then lowest probability of the true grade.

    Args:
        predictions: checked predictions, one row per view.
        most: maximum number of images.

    Returns:
        One row per image: ``image``, ``patient``, ``grade``, ``predicted``, ``off`` (error in grades),
        ``p_<grade>``.
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
    table["p_true"] = level.scores[np.arange(len(level.truth)), level.truth]
    wrong = table[table["off"] > 0].sort_values(["off", "p_true", "image"], ascending=[False, True, True])
    return wrong.drop(columns="p_true").head(most).reset_index(drop=True)
