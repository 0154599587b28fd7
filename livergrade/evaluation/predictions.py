"""Build, write, read and validate ``predictions.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.typing import NDArray

from livergrade.errors import UserError
from livergrade.evaluation.arrays import Ints
from livergrade.io.grades import too_many_grades
from livergrade.io.run_tables import read_run_table
from livergrade.io.tables import write_table
from livergrade.io.visible import shown

_FIX = "write the predictions again from the run's checkpoint"
_SUM_TOLERANCE = 1e-3
_COLUMNS = ("image", "patient", "split", "angle", "grade", "predicted")


@dataclass(frozen=True)
class GradedViews:
    """Predictions of a network for the views of one split.

    Attributes:
        row: row of each view's image in the cohort table, ``int64 [views]``.
        degrees: rotation angle, ``float32 [views]``.
        probabilities: in class order, ``float32 [views, classes]``.
    """

    row: NDArray[np.int64]
    degrees: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def predictions_table(
    cohort: pd.DataFrame, classes: list[str], graded: Mapping[str, GradedViews]
) -> pd.DataFrame:
    """Build the table of predictions, one row per view.

    Args:
        cohort: cohort table that the graded rows refer to, with the column ``sha256``.
        classes: the grades, worst to best.
        graded: graded views of each split.

    Returns:
        ``image,patient,split,angle,grade,predicted,p_<class>…`` and the manifest's extra columns, sorted by
        split, image and angle (degrees).
    """
    tables = []
    for split_name, views in graded.items():
        table = cohort.iloc[views.row].drop(columns="sha256").reset_index(drop=True)
        carried = [name for name in table.columns if name not in ("image", "patient", "grade")]
        probabilities = views.probabilities.astype(float)
        # float32 rounding leaves the sums off by 1e-7; readers of the file may expect a sum of exactly 1.
        probabilities /= probabilities.sum(1, keepdims=True)
        predicted = np.array(classes)[probabilities.argmax(1)]
        facts = table[["image", "patient"]].assign(
            split=split_name, angle=views.degrees.astype(float), grade=table["grade"], predicted=predicted
        )
        columns = pd.DataFrame(probabilities, columns=[f"p_{grade}" for grade in classes])
        tables.append(pd.concat([facts, columns, table[carried]], axis=1))
    return pd.concat(tables).sort_values(["split", "image", "angle"], ignore_index=True)


def write_predictions(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV, atomically."""
    write_table(table, path)


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read and validate a ``predictions.csv``.

    Args:
        path: The file; UTF-8, with or without a byte-order mark.

    Returns:
        One row per view. Text columns are kept as written (patient ``007`` stays ``007``, a grade ``None``
        stays text); ``angle`` and the ``p_<class>`` columns are float64.

    Raises:
        UserError: If the file cannot be read, or `validate` finds an error; the message names the rows.
    """
    frame = read_run_table(Path(path), needed=(), fix=_FIX)
    for column in [name for name in frame.columns if name == "angle" or name in probability_columns(frame)]:
        try:
            frame[column] = frame[column].astype(
                np.float64
            )  # same result as Python's float(): exact to the last bit
        except ValueError:
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
    validate(frame, source=str(path))
    return frame


def validate(predictions: pd.DataFrame, *, source: str = "predictions") -> None:
    """Validate a table of predictions and report all errors at once.

    Args:
        predictions: One row per view: ``image, patient, split, angle, grade, predicted, p_<class>...``.
        source: Name of the table in the message, e.g. a file name.

    Raises:
        UserError: For a missing column, an empty table, an unknown grade, a probability that is not a number
            or outside 0..1, probabilities that do not sum to 1 within 1e-3, a predicted grade that is not the
            most probable one, a duplicate view, an image without an angle that others of its split have, or
            an image with two patients, grades or splits. Rows are counted as in the file: the header is
            row 1.
    """
    missing = [name for name in _COLUMNS if name not in predictions.columns]
    columns = probability_columns(predictions)
    if missing or len(columns) < 2:
        absent = missing + ["two or more p_<class> directly after 'predicted'"] * (len(columns) < 2)
        present = shown(", ".join(map(str, predictions.columns)))
        raise UserError(f"{source}: missing column(s): {', '.join(absent)}. Found: {present}")
    if predictions.empty:
        raise UserError(f"{source}: holds no rows")
    classes = class_names(predictions)
    if problems := too_many_grades(classes):
        raise UserError(f"{source}: p_<class>: {problems[0]}")
    named = shown(", ".join(classes))
    scores = predictions[columns].to_numpy(np.float64)
    highest, total = scores.max(1), scores.sum(1)
    predicted_index = grade_indices(predictions["predicted"], classes)
    is_number = np.isfinite(scores).all(1)
    images = predictions.groupby("image", sort=False)
    checks = {
        f"grade is none of {named}": ~predictions["grade"].isin(classes).to_numpy(),
        f"predicted is none of {named}": predicted_index < 0,
        "a probability is not a number": ~is_number,
        "angle is not a number": ~np.isfinite(pd.to_numeric(predictions["angle"], errors="coerce")),
        "a probability is outside 0..1": is_number
        & ((scores.min(1) < -_SUM_TOLERANCE) | (highest > 1 + _SUM_TOLERANCE)),
        "the probabilities do not sum to 1": is_number & (np.abs(total - 1) > _SUM_TOLERANCE),
        "predicted is not the most probable grade": is_number
        & (predicted_index >= 0)
        & (scores[np.arange(len(scores)), predicted_index] < highest - _SUM_TOLERANCE),
        "the view (image and angle) is given twice": predictions.duplicated(["image", "angle"]).to_numpy(),
        "the image lacks a view at an angle that other images of its split have": (
            images["angle"].transform("nunique") < predictions.groupby("split")["angle"].transform("nunique")
        ).to_numpy(),
    } | {
        f"the image has more than one {name}": images[name].transform("nunique").to_numpy() > 1
        for name in ("patient", "grade", "split")
    }
    errors = [
        f"row {_row_list(np.flatnonzero(bad) + 2)}: {message}" for message, bad in checks.items() if bad.any()
    ]
    if errors:
        raise UserError(f"{source}: {'; '.join(errors)}. {_FIX[0].upper()}{_FIX[1:]}.")


def _row_list(rows: npt.NDArray[np.integer[Any]], limit: int = 5) -> str:
    return ", ".join(map(str, rows[:limit])) + (f" and {len(rows) - limit} more" if len(rows) > limit else "")


def class_names(predictions: pd.DataFrame) -> list[str]:
    """Grades, worst to best, in the order of the ``p_<class>`` columns after ``predicted``."""
    return [column.removeprefix("p_") for column in probability_columns(predictions)]


def carried_columns(predictions: pd.DataFrame) -> list[str]:
    """Extra columns of the manifest, which follow the probabilities; ``fold`` is none, see `pool_folds`."""
    names = list(predictions.columns)
    after = names[names.index(f"p_{class_names(predictions)[-1]}") + 1 :]
    return [name for name in after if name != "fold"]


def grade_indices(names: pd.Series[str], classes: list[str]) -> Ints:
    """Index of each grade in the classes, int64 [N]; -1 for an unknown grade."""
    return np.asarray(pd.Index(classes).get_indexer(pd.Index(names)), np.int64)


def probability_columns(frame: pd.DataFrame) -> list[str]:
    """Consecutive ``p_`` columns after ``predicted``; extra columns of the manifest may start with ``p_``."""
    names = [str(name) for name in frame.columns]
    after = names[names.index("predicted") + 1 :] if "predicted" in names else []
    end = next((i for i, name in enumerate(after) if not name.startswith("p_")), len(after))
    return after[:end]
