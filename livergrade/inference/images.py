"""Grade image files, going on where an earlier start ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from livergrade.config.schema import PredictConfig
from livergrade.inference.answers import Answers
from livergrade.inference.grader import Grader
from livergrade.inference.inputs import Input
from livergrade.inference.readers import ImageFiles, read_ahead
from livergrade.io.tables import write_table

log = logging.getLogger(__name__)


def grade_images(
    images: Sequence[Input],
    grader: Grader,
    config: PredictConfig,
    out: Path,
    failed: dict[str, str],
    answers: Answers,
) -> pd.DataFrame:
    """Grade image files into ``images.csv``, kept up to date; what it holds already is not graded again.

    Returns:
        One row an image: ``image``, ``patient``, ``predicted``, ``p_<grade>``, ``spread`` (standard deviation
        over the views of the predicted grade's probability), ``agree`` (share of views of that grade),
        ``distance`` and ``unlike`` as `Grader.ood_score` has them, and what ``answers`` adds, the columns
        ``set`` and ``answer``.
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
        if not target.is_file():
            return pd.DataFrame(columns=columns)
        return pd.read_csv(target, dtype={"image": str, "patient": str}, keep_default_na=False)

    before = stored()
    known = set(before["image"])
    missing = [one for one in images if str(one.path) not in known]
    if len(missing) < len(images):
        log.info("%d of %d images were graded before", len(images) - len(missing), len(images))
    rows: list[dict[str, Any]] = []

    def table() -> pd.DataFrame:
        graded = pd.DataFrame(rows, columns=columns)
        together = pd.concat([before[columns], graded]) if len(before) else graded
        return answers(together.sort_values("image", ignore_index=True), "image")

    read = ImageFiles([one.path for one in missing], grader.size)
    try:
        with tqdm(total=len(missing), desc="grading", unit="image", disable=not missing) as bar:
            for numbers, squares, reasons in read_ahead(
                read, len(missing), batch_size=config.batch_size, workers=config.workers
            ):
                failed.update({str(missing[number].path): reason for number, reason in reasons.items()})
                graded = grader.grade(squares) if numbers else ()
                away = grader.distances(squares) if numbers else ()
                for number, views, distance in zip(numbers, graded, away, strict=True):
                    one = missing[number]
                    named = {"image": str(one.path), "patient": one.patient}
                    rows.append(named | graded_row(views, grader.classes) | grader.ood_score(distance))
                bar.update(len(numbers) + len(reasons))
                if len(rows) // 1000 > (len(rows) - len(numbers)) // 1000:
                    write_table(table(), target)
    finally:
        if rows:
            write_table(table(), target)
    return stored()  # rounded as a later start reads it, for patients' figures to be the same


def graded_row(views: NDArray[np.float64], classes: Sequence[str]) -> dict[str, Any]:
    """What the views of one image say: the mean probability, its grade, and how far they agree.

    Args:
        views: probabilities, ``[views, classes]``.
        classes: the grades, worst to best.
    """
    mean = views.mean(0)
    called = int(mean.argmax())
    return {
        "predicted": classes[called],
        **{f"p_{grade}": float(value) for grade, value in zip(classes, mean, strict=True)},
        "spread": float(views[:, called].std()),
        "agree": float((views.argmax(1) == called).mean()),
    }
