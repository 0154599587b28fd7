"""Grade image files, skipping images that are already graded."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from livergrade.config.schema import PredictConfig
from livergrade.errors import UserError
from livergrade.inference.answers import Answers
from livergrade.inference.grader import Grader
from livergrade.inference.inputs import Input
from livergrade.inference.readers import ImageFiles, read_ahead
from livergrade.io.run_tables import read_run_table
from livergrade.io.tables import write_table
from livergrade.io.visible import shown

log = logging.getLogger(__name__)

_FIX = "remove it, and what it lists is graded again; or choose another out"


def grade_images(
    images: Sequence[Input],
    grader: Grader,
    config: PredictConfig,
    out: Path,
    failed: dict[str, str],
    answers: Answers,
) -> pd.DataFrame:
    """Grade image files into ``images.csv``, updated regularly; images that it lists are not graded again.

    Returns:
        One row per image: ``image``, ``patient``, ``predicted``, ``p_<grade>``, ``spread`` (standard
        deviation over the views of the predicted grade's probability), ``agree`` (share of views with that
        grade), ``distance`` and ``unlike`` from `Grader.ood_score`, and the columns ``set`` and ``answer``
        that ``answers`` adds.
    """
    target = out / "images.csv"
    columns = [
        "image",
        "patient",
        "predicted",
        *(f"p_{grade}" for grade in grader.classes),
        "spread",
        "agree",
        "distance",
        "unlike",
    ]

    def stored() -> pd.DataFrame:
        if not os.path.lexists(target):
            return pd.DataFrame(columns=columns)
        return read_graded(target, ("image", "patient"), grader.classes)

    previous = stored()
    graded_paths = set(previous["image"])
    remaining = [image for image in images if str(image.path) not in graded_paths]
    if len(remaining) < len(images):
        log.info("%d of %d images are already graded", len(images) - len(remaining), len(images))
    rows: list[dict[str, Any]] = []

    def table() -> pd.DataFrame:
        new_rows = pd.DataFrame(rows, columns=columns)
        all_rows = pd.concat([previous[columns], new_rows]) if len(previous) else new_rows
        return answers(all_rows.sort_values("image", ignore_index=True), "image")

    read = ImageFiles([image.path for image in remaining], grader.size)
    try:
        with tqdm(total=len(remaining), desc="grading", unit="image", disable=not remaining) as bar:
            for indices, crops, errors in read_ahead(
                read, len(remaining), batch_size=config.batch_size, workers=config.workers
            ):
                failed.update({str(remaining[index].path): reason for index, reason in errors.items()})
                probabilities = grader.grade(crops) if indices else ()
                distances = grader.distances(crops) if indices else ()
                for index, views, distance in zip(indices, probabilities, distances, strict=True):
                    image = remaining[index]
                    identity = {"image": str(image.path), "patient": image.patient}
                    rows.append(identity | graded_row(views, grader.classes) | grader.ood_score(distance))
                bar.update(len(indices) + len(errors))
                if len(rows) // 1000 > (len(rows) - len(indices)) // 1000:
                    write_table(table(), target)
    finally:
        if rows:
            write_table(table(), target)
    return stored()  # with rounded values, as a resumed run reads them: the same patient results in both


def read_graded(path: Path, named: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """Read the graded images or tiles of an earlier start.

    Args:
        path: the table.
        named: columns that name an image, as text, or place a tile, as numbers.
        classes: the grades, worst to best.

    Raises:
        UserError: the table is damaged, or is of other grades.
    """
    scores = [f"p_{grade}" for grade in classes]
    numbers = [name for name in named if name in ("x", "y")] + scores
    table = read_run_table(
        path,
        needed=list(dict.fromkeys([*named, "predicted", *numbers, *MAY_BE_BLANK])),
        numbers=numbers,
        fix=_FIX,
    )
    for name in MAY_BE_BLANK:
        table[name] = table[name].where(table[name] != "", "nan")
    try:
        table[[*numbers, *MAY_BE_BLANK]] = table[[*numbers, *MAY_BE_BLANK]].astype(np.float64)
    except ValueError as error:
        raise UserError(f"{shown(path)}: {shown(error)}; {_FIX}") from None
    given = table[scores].to_numpy(np.float64)
    off = (
        np.isinf(table[list(MAY_BE_BLANK)].to_numpy(np.float64)).any(1)
        | (given < 0).any(1)
        | (given > 1).any(1)
        | (abs(given.sum(1) - 1) > 1e-3)
    )
    wrong = np.flatnonzero(off | ~table["predicted"].isin(classes).to_numpy())
    if len(wrong):
        raise UserError(
            f"{shown(path)}: row {wrong[0] + 2}: is not one of {', '.join(classes)}, with probabilities that "
            f"sum to 1; {_FIX}"
        )
    return table


MAY_BE_BLANK = ("spread", "agree", "distance", "unlike")
"""Numbers that are not defined for one view, or without OOD statistics or threshold."""


def graded_row(views: NDArray[np.float64], classes: Sequence[str]) -> dict[str, Any]:
    """Summarise the views of one image: mean probability, predicted grade, and agreement of the views.

    One view agrees with nothing: its ``spread`` and ``agree`` are NaN.

    Args:
        views: probabilities, ``[views, classes]``.
        classes: the grades, worst to best.
    """
    mean = views.mean(0)
    predicted = int(mean.argmax())
    return {
        "predicted": classes[predicted],
        **{f"p_{grade}": float(value) for grade, value in zip(classes, mean, strict=True)},
        "spread": float(views[:, predicted].std()) if len(views) > 1 else math.nan,
        "agree": float((views.argmax(1) == predicted).mean()) if len(views) > 1 else math.nan,
    }
