"""Maps for a run's report: under its worst mistakes, and what they are worth over its test patients."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from livergrade.config.schema import TrainConfig
from livergrade.data.augment import Normalisation, ViewParams, as_seen, make_views
from livergrade.data.cache import cached_size
from livergrade.evaluation.faithfulness import by_test, faithfulness_estimates
from livergrade.evaluation.mistakes import worst_images
from livergrade.evaluation.predictions import read_predictions
from livergrade.explanations.maps import (
    MapScores,
    class_activation,
    occlusion,
    score_maps,
    with_random_weights,
)
from livergrade.io.files import atomic_write, write_json
from livergrade.io.images import ImageError, read_square
from livergrade.models.build import normalisation
from livergrade.models.hooks import has_maps
from livergrade.reports.overlay import overlay
from livergrade.reports.thumbnails import THUMBNAIL

log = logging.getLogger(__name__)

BATCH = 8
PLACES = 7
STEPS = 8
GAP = 6
"""Between the maps of a picture, px."""


def write_run_maps(
    run: Path, net: nn.Module, classes: Sequence[str], config: TrainConfig, root: Path, device: torch.device
) -> None:
    """Write ``mistakes/<place>_maps.jpg`` and ``sanity.json``; nothing with ``trainer.map_patients=0``.

    Args:
        run: a folder with ``predictions.csv``.
        net: with the weights that made it.
        classes: the grades, worst to best.
        config: the run's options.
        root: where the images lie that ``predictions.csv`` names; one that can't be read now is left out.
        device: where the network runs.
    """
    if not config.trainer.map_patients:
        return
    if not has_maps(net):
        log.info("%s has no layer for class-activation maps: the report shows none", config.model.name)
        return
    predictions = read_predictions(run / "predictions.csv")
    tested = predictions[predictions["split"] == "test"].drop_duplicates("patient")
    sampled = tested.sample(min(config.trainer.map_patients, len(tested)), random_state=config.seed)
    worst = worst_images(predictions)
    net.eval().to(device)
    channels = normalisation(config.model.name, **config.model.architecture())
    steps = len(worst) + len(sampled)
    with tqdm(total=steps, desc="mapping", unit="image", disable=not config.trainer.progress) as bar:
        for places, views in _upright(worst["image"], config, channels, root, device):
            pictures = _mistakes(net, classes, views, worst.iloc[places], channels)
            _write(dict(zip(places, pictures, strict=True)), run / "mistakes")
            bar.update(len(places))
        randomized_net = with_random_weights(net, config.seed)
        found: list[MapScores] = []
        patients: list[str] = []
        for places, views in _upright(sampled["image"], config, channels, root, device):
            seed = config.seed + len(patients)
            found.append(score_maps(net, randomized_net, views, places=PLACES, steps=STEPS, seed=seed))
            patients += sampled["patient"].iloc[places].tolist()
            bar.update(len(places))
    if not patients:
        return
    curves, rank_correlation = (
        {
            method: torch.cat([getattr(each, kind)[method] for each in found]).cpu().numpy()
            for method in getattr(found[0], kind)
        }
        for kind in ("curves", "rank_correlation")
    )
    table = faithfulness_estimates(by_test(curves, rank_correlation), patients, seed=config.seed)
    write_json({"patients": len(patients), "sanity": table}, run / "sanity.json")


def _mistakes(
    net: nn.Module, classes: Sequence[str], views: Tensor, rows: pd.DataFrame, channels: Normalisation
) -> list[Image.Image]:
    """Of each view a picture: two methods one above the other, of the predicted and of the true grade."""
    maps = [class_activation(net, views)[1]["hires_cam"], occlusion(net, views, places=PLACES)]
    pictures, side = [], (THUMBNAIL - GAP) // 2
    for number, row in enumerate(rows.to_dict("records")):
        seen = as_seen(views[number], channels)
        grades = [list(classes).index(row[column]) for column in ("predicted", "grade")]
        heats = [each[number].cpu().numpy() for each in maps]
        picture = Image.new("RGB", (THUMBNAIL, THUMBNAIL), "white")
        for top, heat in zip((0, THUMBNAIL - side), heats, strict=True):
            for left, grade in zip((0, THUMBNAIL - side), grades, strict=True):
                shown = Image.fromarray(overlay(seen, heat[grade], float(np.abs(heat).max())))
                picture.paste(shown.resize((side, side), Image.Resampling.BICUBIC), (left, top))
        pictures.append(picture)
    return pictures


def _write(pictures: Mapping[int, Image.Image], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for place, picture in pictures.items():
        with atomic_write(folder / f"{place}_maps.jpg") as part:
            picture.save(part, "JPEG", quality=85)


def _upright(
    images: Iterable[str], config: TrainConfig, channels: Normalisation, root: Path, device: torch.device
) -> Iterator[tuple[list[int], Tensor]]:
    """Upright views of the images that can be read, a batch at a time, with their places in the list."""
    size, border = config.data.image_size, config.augment.border
    numbered = list(enumerate(images))
    for first in range(0, len(numbered), BATCH):
        squares = {}
        for place, image in numbered[first : first + BATCH]:
            with contextlib.suppress(ImageError):
                squares[place] = torch.tensor(read_square(root / image, cached_size(size, border)))
        if squares:
            together = torch.stack(list(squares.values())).to(device)
            upright = ViewParams.upright(len(squares), device)
            yield (
                list(squares),
                make_views(together, upright, size=size, border=border, normalisation=channels),
            )
