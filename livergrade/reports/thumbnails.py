"""The test images that were graded most wrongly, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from livergrade.evaluation.metrics import class_names, gather
from livergrade.io.files import written_whole
from livergrade.io.images import ImageError, read_rgb

THUMBNAIL = 360
"""Shorter side of a thumbnail, px."""


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
    level = gather(test)["image"]
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


def write_thumbnails(images: Sequence[str], root: Path, folder: Path) -> None:
    """Write each image small as ``<its place>.jpg``; one that can't be read any more is left out.

    Args:
        images: paths below ``root``.
        root: where the images lie.
        folder: made here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for place, image in enumerate(images):
        try:
            pixels = read_rgb(root / image, shorter_side=THUMBNAIL)
        except ImageError:
            continue
        with written_whole(folder / f"{place}.jpg") as part:
            Image.fromarray(pixels).save(part, "JPEG", quality=85)
