"""The tab PROJECTOR: where the network puts each test image, as a small picture in its grade's colour."""

from __future__ import annotations

import io
import math
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, ImageColor

from livergrade.data.augment import ViewParams, make_views
from livergrade.data.datamodule import GradingData
from livergrade.evaluation.levels import aggregate
from livergrade.io.bars import bar as progress_bar
from livergrade.io.files import atomic_write
from livergrade.io.visible import one_line
from livergrade.models.mean_network import members_of
from livergrade.reports.palette import GRADES
from livergrade.training.task import GradingTask

MOST_IMAGES = 300
"""Of more test images so many are drawn at random: each passes the network once more."""

MOST_AXES = 50
"""Principal components of the embeddings that are written; TensorBoard makes its maps of them."""

_BATCH, _SIDE, _FRAME = 16, 48, 4  # images at a time; pixels of a picture, and of its frame

_CONFIG = """embeddings {{
  tensor_name: "test images"
  tensor_path: "projector/embeddings.tsv"
  metadata_path: "projector/images.tsv"
  sprite {{
    image_path: "projector/pictures.png"
    single_image_dim: {side}
    single_image_dim: {side}
  }}
}}
"""


def write_projector(
    folder: Path, task: GradingTask, data: GradingData, predictions: pd.DataFrame, device: torch.device
) -> None:
    """Write ``projector_config.pbtxt`` and ``projector/`` into a folder of TensorBoard's files.

    Several networks that answer as one have no embedding in common, and none is written.

    Args:
        folder: the run's ``tensorboard/``.
        task: the network that graded the images.
        data: the images.
        predictions: table of the predictions, as in ``predictions.csv``.
        device: device of the network.
    """
    if len(members_of(task.net)) > 1:
        return
    tested = predictions[predictions["split"] == "test"]
    level = aggregate(tested)["image"]
    places = np.arange(len(level.names))
    if len(places) > MOST_IMAGES:
        places = np.sort(np.random.default_rng(0).choice(places, MOST_IMAGES, replace=False))
    names = [level.names[place] for place in places]
    row_of = {name: row for row, name in enumerate(data.cohort.table["image"])}
    rows = np.array([row_of[name] for name in names])
    patients = tested.drop_duplicates("image").set_index("image")["patient"]
    table = pd.DataFrame(
        {
            "grade": [task.classes[code] for code in level.truth[places]],
            "predicted": [task.classes[code] for code in level.predicted[places]],
            "right": np.where(level.truth[places] == level.predicted[places], "right", "wrong"),
            "probability": level.scores[places].max(1).round(3),
            "patient": [patients[name] for name in names],
            "image": names,
        }
    )
    (folder / "projector").mkdir(parents=True, exist_ok=True)
    embedded, pictures = _embedded(task, data, rows, level.truth[places], device)
    axes = "\n".join("\t".join(f"{value:.5g}" for value in row) for row in _principal(embedded))
    cells = [list(table), *table.astype(str).to_numpy().tolist()]
    labels = "\n".join("\t".join(map(one_line, row)) for row in cells)
    for name, text in (("embeddings.tsv", axes), ("images.tsv", labels)):
        with atomic_write(folder / "projector" / name) as part:
            part.write_text(f"{text}\n", encoding="utf-8")
    with atomic_write(folder / "projector" / "pictures.png") as part:
        part.write_bytes(_sheet(pictures))
    with atomic_write(folder / "projector_config.pbtxt") as part:
        part.write_text(_CONFIG.format(side=_SIDE), encoding="utf-8")


def _embedded(
    task: GradingTask,
    data: GradingData,
    rows: NDArray[np.int64],
    grades: NDArray[np.int64],
    device: torch.device,
) -> tuple[NDArray[np.float32], list[NDArray[np.uint8]]]:
    """Return the embedding of each upright image, ``float32 [N, features]``, and its picture."""
    task.eval().to(device)
    embeddings, pictures = [], []
    for first in progress_bar(range(0, len(rows), _BATCH), "embedding test images", leave=False):
        squares = data.squares(rows[first : first + _BATCH])
        views = make_views(
            torch.tensor(squares).to(device),
            ViewParams.upright(len(squares), device),
            size=data.data.image_size,
            border=data.augment.border,
            normalisation=data.normalisation,
        )
        embeddings.append(task.embed(views).float().cpu().numpy())
        pictures += [
            _framed(square, grade)
            for square, grade in zip(squares, grades[first : first + _BATCH], strict=True)
        ]
    return np.concatenate(embeddings), pictures


def _framed(square: NDArray[np.uint8], grade: int) -> NDArray[np.uint8]:
    """Return the image, reduced, in a frame of its grade's colour, ``uint8 [side, side, 3]``."""
    inner = _SIDE - 2 * _FRAME
    picture = np.empty((_SIDE, _SIDE, 3), np.uint8)
    picture[:] = ImageColor.getrgb(GRADES[grade % len(GRADES)])
    picture[_FRAME:-_FRAME, _FRAME:-_FRAME] = cv2.resize(square, (inner, inner), interpolation=cv2.INTER_AREA)
    return picture


def _sheet(pictures: list[NDArray[np.uint8]]) -> bytes:
    """Return all pictures as a square PNG, row by row, as TensorBoard cuts it."""
    across = math.ceil(math.sqrt(len(pictures)))
    sheet = np.full((across * _SIDE, across * _SIDE, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = _SIDE * (place // across), _SIDE * (place % across)
        sheet[top : top + _SIDE, left : left + _SIDE] = picture
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG")
    return buffer.getvalue()


def _principal(embedded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the first principal components, ``float32 [N, axes]``; with one image its first features."""
    if len(embedded) < 3:
        return embedded[:, :MOST_AXES]
    centred = embedded - embedded.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray((left * sizes)[:, :MOST_AXES], np.float32)
