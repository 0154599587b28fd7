"""The contract of ``predictions.csv``: build, write, read and check it."""

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
from livergrade.io.files import atomic_write

_SUM_TOLERANCE = 1e-3
_COLUMNS = ("image", "patient", "split", "angle", "grade", "predicted")


@dataclass(frozen=True)
class GradedViews:
    """Views of one side of the split, as a network graded them.

    Attributes:
        row: of the cohort, ``int64 [views]``.
        degrees: ``float32 [views]``.
        probabilities: in the order of the classes, ``float32 [views, classes]``.
    """

    row: NDArray[np.int64]
    degrees: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def predictions_table(
    cohort: pd.DataFrame, classes: list[str], graded: Mapping[str, GradedViews]
) -> pd.DataFrame:
    """One row a view.

    Args:
        cohort: the table of the cohort whose rows were graded, with the column ``sha256``.
        classes: the grades, worst to best.
        graded: by side of the split.

    Returns:
        ``image,patient,split,angle,grade,predicted,p_<class>…`` and the manifest's other columns, sorted by
        side, image and angle (degrees).
    """
    tables = []
    for side, views in graded.items():
        table = cohort.iloc[views.row].drop(columns="sha256").reset_index(drop=True)
        carried = [name for name in table.columns if name not in ("image", "patient", "grade")]
        probabilities = views.probabilities.astype(float)
        # Rounding of float32 leaves sums off one by 1e-7; the file's readers may expect exactness.
        probabilities /= probabilities.sum(1, keepdims=True)
        predicted = np.array(classes)[probabilities.argmax(1)]
        facts = table[["image", "patient"]].assign(
            split=side, angle=views.degrees.astype(float), grade=table["grade"], predicted=predicted
        )
        columns = pd.DataFrame(probabilities, columns=[f"p_{grade}" for grade in classes])
        tables.append(pd.concat([facts, columns, table[carried]], axis=1))
    return pd.concat(tables).sort_values(["split", "image", "angle"], ignore_index=True)


def write_predictions(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV, whole or not at all."""
    with atomic_write(path) as part:
        table.to_csv(part, index=False, float_format="%.9g")


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read and check a ``predictions.csv``.

    Args:
        path: The file; UTF-8, with or without a byte-order mark.

    Returns:
        One row a view. Text columns are kept as written (a patient ``007`` stays ``007``, a grade ``None`` is
        a name); ``angle`` and the ``p_<class>`` columns are float64.

    Raises:
        UserError: If the file cannot be read, or for anything `validate` finds, naming the file's rows.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' parser errors and bad encodings are ValueErrors
        raise UserError(f"{path}: cannot be read as a CSV table ({error})") from error
    for column in [name for name in frame.columns if name == "angle" or name in probability_columns(frame)]:
        try:
            frame[column] = frame[column].astype(np.float64)  # parses as Python does: exact to the last bit
        except ValueError:
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
    validate(frame, source=str(path))
    return frame


def validate(predictions: pd.DataFrame, *, source: str = "predictions") -> None:
    """Check a table of predictions against its contract, reporting everything that is wrong at once.

    Args:
        predictions: One row a view: ``image, patient, split, angle, grade, predicted, p_<class>...``.
        source: What to call the table in the message; a file's name.

    Raises:
        UserError: For a missing column, an empty table, an unknown grade, a probability that is no number or
            outside 0..1, probabilities that do not sum to 1 within 1e-3, a predicted grade that is not the
            most probable one, a view given twice, or an image with two patients, grades or splits. Rows are
            counted as in the file: the header is row 1.
    """
    missing = [name for name in _COLUMNS if name not in predictions.columns]
    columns = probability_columns(predictions)
    if missing or len(columns) < 2:
        lacks = missing + ["two or more p_<class> directly after 'predicted'"] * (len(columns) < 2)
        found = ", ".join(map(str, predictions.columns))
        raise UserError(f"{source}: missing column(s): {', '.join(lacks)}. Found: {found}")
    if predictions.empty:
        raise UserError(f"{source}: holds no rows")
    classes = class_names(predictions)
    scores = predictions[columns].to_numpy(np.float64)
    peak, total = scores.max(1), scores.sum(1)
    called = grade_indices(predictions["predicted"], classes)
    numbers = ~np.isnan(scores).any(1)
    images = predictions.groupby("image", sort=False)
    faults = {
        f"grade is none of {', '.join(classes)}": ~predictions["grade"].isin(classes).to_numpy(),
        f"predicted is none of {', '.join(classes)}": called < 0,
        "a probability is not a number": ~numbers,
        "a probability is outside 0..1": numbers
        & ((scores.min(1) < -_SUM_TOLERANCE) | (peak > 1 + _SUM_TOLERANCE)),
        "the probabilities do not sum to 1": numbers & (np.abs(total - 1) > _SUM_TOLERANCE),
        "predicted is not the most probable grade": numbers
        & (called >= 0)
        & (scores[np.arange(len(scores)), called] < peak - _SUM_TOLERANCE),
        "the view (image and angle) is given twice": predictions.duplicated(["image", "angle"]).to_numpy(),
    } | {
        f"the image has more than one {name}": images[name].transform("nunique").to_numpy() > 1
        for name in ("patient", "grade", "split")
    }
    wrong = [f"row {_first(np.flatnonzero(bad) + 2)}: {fault}" for fault, bad in faults.items() if bad.any()]
    if wrong:
        raise UserError(
            f"{source}: {'; '.join(wrong)}. Write the predictions again from the run's checkpoint."
        )


def _first(rows: npt.NDArray[np.integer[Any]], most: int = 5) -> str:
    return ", ".join(map(str, rows[:most])) + (f" and {len(rows) - most} more" if len(rows) > most else "")


def class_names(predictions: pd.DataFrame) -> list[str]:
    """Grades in order, worst to best, as the ``p_<class>`` columns stand after ``predicted``."""
    return [column.removeprefix("p_") for column in probability_columns(predictions)]


def carried_columns(predictions: pd.DataFrame) -> list[str]:
    """The manifest's other columns, which stand behind the probabilities."""
    names = list(predictions.columns)
    return names[names.index(f"p_{class_names(predictions)[-1]}") + 1 :]


def grade_indices(names: pd.Series[str], classes: list[str]) -> Ints:
    """Place of each grade among the classes, int64 [N]; -1 for one that is none of them."""
    return np.asarray(pd.Index(classes).get_indexer(pd.Index(names)), np.int64)


def probability_columns(frame: pd.DataFrame) -> list[str]:
    """The unbroken run of ``p_`` columns after ``predicted``: a carried column may begin with ``p_`` too."""
    names = [str(name) for name in frame.columns]
    after = names[names.index("predicted") + 1 :] if "predicted" in names else []
    end = next((i for i, name in enumerate(after) if not name.startswith("p_")), len(after))
    return after[:end]
