"""Grade image files, skipping images that are already graded."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from livergrade.config.schema import ConformalConfig, PredictConfig
from livergrade.data.colour import log_colours
from livergrade.errors import UserError
from livergrade.inference.answers import Answers
from livergrade.inference.grader import Grader
from livergrade.inference.inputs import Input
from livergrade.inference.readers import ReadBatch
from livergrade.inference.scale import log_unknown_scale
from livergrade.io.bars import bar as progress_bar
from livergrade.io.kept import Kept, identity
from livergrade.io.run_tables import read_run_table
from livergrade.io.tables import write_table
from livergrade.io.visible import shown

log = logging.getLogger(__name__)

_FIX = "remove it, and what it lists is graded again; or choose another out"


def make_answers(grader: Grader, config: PredictConfig, conformal: ConformalConfig) -> Answers:
    """What turns probabilities into answers, with what it can't tell in the log.

    Args:
        grader: grades the images.
        config: the options.
        conformal: options of the run's own sets.
    """
    answers = Answers(
        grader.calibration,
        grader.classes,
        views=len(grader.degrees),
        calibrated=config.calibrated,
        coverage=config.coverage,
        by_grade=config.conformal.sets_by_grade(conformal),
        abstain=config.abstain,
    )
    for line in (*grader.warnings(calibrated=config.calibrated), *answers.warnings()):
        log.warning("%s", line)
    return answers


def grade_images(
    images: Sequence[Input],
    grader: Grader,
    config: PredictConfig,
    out: Path,
    failed: dict[str, str],
    answers: Answers,
    kept: Kept,
) -> pd.DataFrame:
    """Grade image files into ``images.csv``, updated regularly; what ``kept`` has is not graded again.

    Returns:
        One row per image: ``image``, ``patient``, the columns of `graded_rows`, and ``set`` and ``answer``
        that ``answers`` adds.
    """
    target = out / "images.csv"
    mpp = {image.path: image.mpp or config.mpp for image in images}
    made_from = {path: _made_from(path, size) for path, size in mpp.items()}
    log_unknown_scale(images, config.mpp, grader.scale)
    log_colours([image.path for image in images], grader.reading.icc)
    rows: dict[Path, dict[str, Any]] = {}
    for path, of_image in made_from.items():
        if row := _row(kept.find(_name(path), of_image), grader):
            rows[path] = row
    remaining = [image.path for image in images if image.path not in rows]
    if len(remaining) < len(images):
        log.info("%d of %d images are already graded", len(images) - len(remaining), len(images))

    def save() -> None:
        table = pd.DataFrame(
            [
                {"image": str(image.path), "patient": image.patient} | rows[image.path]
                for image in images
                if image.path in rows
            ]
        )
        write_table(answers(table.sort_values("image", ignore_index=True), "image"), target)
        kept.save()

    reading = config.data.reading(grader.reading)

    def read(index: int) -> NDArray[np.uint8]:
        return grader.read(remaining[index], mpp[remaining[index]], reading)

    try:
        with progress_bar(total=len(remaining), text="grading", unit="image", hidden=not remaining) as bar:
            for graded, errors in graded_ahead(read, len(remaining), grader, config):
                failed.update({str(remaining[index]): reason for index, reason in errors.items()})
                for index, row in graded.items():
                    path = remaining[index]
                    rows[path] = row
                    values = {key: None if value != value else value for key, value in rows[path].items()}
                    kept.add(_name(path), made_from[path], values=values)
                bar.update(len(graded) + len(errors))
                if len(rows) // 1000 > (len(rows) - len(graded)) // 1000:
                    save()
    finally:
        if rows:
            save()
    # With rounded values, as the table has them: patients are graded from what anybody can read there.
    return read_graded(target, ("image", "patient"), grader.classes) if rows else pd.DataFrame()


def _made_from(path: Path, mpp: float | None) -> dict[str, Any]:
    """What a row of the table is known by; the size of a pixel decides whether the image is graded."""
    return {"image": identity(path)} | ({"mpp": mpp} if mpp else {})


def _name(path: Path) -> str:
    return f"image {path.absolute()}"


def _row(values: dict[str, Any] | None, grader: Grader) -> dict[str, Any] | None:
    """The row of an image as it was kept; None if it is of another kind than a row of this grader."""
    classes, of_members = grader.classes, ["member_spread"] * grader.ensemble
    numbers = [*(f"p_{grade}" for grade in classes), "spread", "agree", *of_members, "distance", "unlike"]
    if values is None or sorted(values) != sorted([*numbers, "predicted"]):
        return None
    blank = {name for name in MAY_BE_BLANK if values[name] is None}
    if values["predicted"] not in classes or not all(
        isinstance(values[name], float) for name in numbers if name not in blank
    ):
        return None
    return {name: math.nan if name in blank else values[name] for name in ("predicted", *numbers)}


def read_graded(path: Path, named: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """Read graded images or tiles as they were written.

    Names of grades and patients stay text, whatever they look like: a grade may be called 1, None or 007.

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
    read = [*numbers, *MAY_BE_BLANK, *(["member_spread"] if "member_spread" in table else [])]
    try:
        table[read] = table[read].astype(np.float64)
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


def graded_ahead(
    read: Callable[[int], NDArray[np.uint8]], count: int, grader: Grader, config: PredictConfig
) -> Iterator[tuple[dict[int, dict[str, Any]], dict[int, str]]]:
    """Grade images batch by batch, while threads read those that follow.

    Args:
        read: reads the center crop of an image by its number, ``uint8 [S, S, 3]``, ``S`` = ``grader.size``.
        count: how many images there are.
        grader: grades them.
        config: ``batch_size`` and ``workers`` are used.

    Yields:
        Rows as of `graded_rows` by the number of the image, and why others of the batch could not be read.
    """
    for batch in grader.read_ahead(read, count, config):
        graded = graded_rows(batch, grader) if batch.indices else ()
        yield dict(zip(batch.indices, graded, strict=True)), batch.errors


def graded_rows(batch: ReadBatch, grader: Grader) -> list[dict[str, Any]]:
    """Grade a batch of center crops, one row each.

    Args:
        batch: center crops of side ``grader.size``.
        grader: grades them.

    Returns:
        ``predicted``, ``p_<grade>``, ``spread`` (standard deviation over the views of the predicted grade's
        probability), ``agree`` (share of views with that grade), of an ensemble ``member_spread`` (standard
        deviation over its members), and ``distance`` and ``unlike`` from `Grader.ood_score`.
    """
    probabilities, spreads = grader.grade_members(batch.pixels)
    distances = grader.distances(batch.appearance)
    rows = []
    for views, spread, distance in zip(probabilities, spreads, distances, strict=True):
        of_members = {"member_spread": float(spread)} if grader.ensemble else {}
        rows.append(graded_row(views, grader.classes) | of_members | grader.ood_score(distance))
    return rows


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
