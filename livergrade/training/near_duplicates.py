"""Near duplicates in a cohort: the table of all pairs, the warning, and the look before the first epoch."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray

from livergrade.data.datamodule import GradingData
from livergrade.data.duplicates import SIDE, NearDuplicate, near_duplicates, thumbnail
from livergrade.evaluation.splits import UNUSED
from livergrade.io.bars import bar as progress_bar
from livergrade.io.tables import write_table
from livergrade.io.visible import one_line

log = logging.getLogger(__name__)

FILE = "near_duplicates.csv"
SHOWN = 10
"""Pairs, at most, that the warning names; the file has all."""
_CHUNK = 64  # decoded images in memory at once


class NearDuplicatesAcrossSplit(Callback):
    """Before the first epoch, look for near duplicates of different patients on two sides of the split.

    Writes ``near_duplicates.csv``, without a row if there are none, and logs a warning if there are any.

    Args:
        run: the run folder.
    """

    def __init__(self, run: Path) -> None:
        self.run = run

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look, in the first process only; the images are decoded already."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not trainer.is_global_zero or not isinstance(data, GradingData):
            return
        differing = [pd.factorize(data.split[column])[0].astype(np.int64) for column in ("patient", "split")]
        pairs = near_duplicates(_thumbnails(data), differing)
        table = pairs_table(data.split, pairs)
        table = table[(table[["split_1", "split_2"]] != UNUSED).all(axis=1)]
        write_table(table, self.run / FILE)
        if len(table):
            log.warning("%s", across_split(table, self.run / FILE))


def _thumbnails(data: GradingData) -> NDArray[np.uint8]:
    """Thumbnails of all images of a cohort, ``uint8 [images, SIDE, SIDE]``."""
    found = np.zeros((len(data.split), SIDE, SIDE), np.uint8)
    starts = range(0, len(found), _CHUNK)
    for start in progress_bar(starts, "looking for near duplicates", leave=False, delay=2):
        rows = np.arange(start, min(start + _CHUNK, len(found)))
        found[rows] = [thumbnail(square) for square in data.squares(rows)]
    return found


def pairs_table(images: pd.DataFrame, pairs: Iterable[NearDuplicate]) -> pd.DataFrame:
    """One row a pair: ``image``, ``patient``, ``grade`` and ``split`` of both, and their ``similarity``.

    Args:
        images: one row per image; ``split`` is left out where it has none.
        pairs: near duplicates by row.
    """
    facts = [name for name in ("image", "patient", "grade", "split") if name in images]
    columns = [f"{name}_{number}" for number in (1, 2) for name in facts]
    values = images[facts].to_numpy()
    rows = [[*values[pair.first], *values[pair.second], pair.similarity] for pair in pairs]
    return pd.DataFrame(rows, columns=[*columns, "similarity"])


def pair_lines(table: pd.DataFrame, most: int = SHOWN) -> list[str]:
    """The first pairs of :func:`pairs_table` in words, a line each, and how many more there are."""
    facts = [name for name in ("patient", "grade", "split") if f"{name}_1" in table]

    def image(row: dict[str, str], number: int) -> str:
        told = ", ".join(one_line(row[f"{name}_{number}"]) for name in facts)
        return f"{one_line(row[f'image_{number}'])} ({told})"

    rows = table.head(most).to_dict("records")
    lines = [f"{image(row, 1)} and {image(row, 2)}" for row in rows]  # type: ignore[arg-type]
    return lines + [f"and {len(table) - most} more"] * (len(table) > most)


def across_split(table: pd.DataFrame, path: Path) -> str:
    """The warning about near duplicates across the split."""
    count = f"{len(table)} pair{'s' * (len(table) != 1)}"
    lines = "\n".join(f"  {line}" for line in pair_lines(table))
    return (
        f"near duplicates across the split: {count} of images of different patients are near duplicates, "
        "so the network may be tested on what it was trained on. Check them; remove one of each "
        "pair, or give both patients one name (data.patient_alias), and train again:\n"
        f"{lines}\n  all pairs: {path}"
    )
