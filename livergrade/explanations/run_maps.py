"""Maps for a run's report: of its worst errors, and their faithfulness over the test patients."""

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
from livergrade.io.bars import bar as progress_bar
from livergrade.io.files import atomic_write, write_json
from livergrade.io.images import ImageError, read_square
from livergrade.io.inside import Inside, OutsideError
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
        net: the network that made these predictions.
        classes: the grades, worst to best.
        config: the run's options.
        root: folder of the images in ``predictions.csv``; images outside, and those that can't be read, are
            skipped.
        device: device of the network.
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
    with progress_bar(total=steps, text="mapping", unit="image") as bar:
        for indices, views in _upright_views(worst["image"], config, channels, root, device):
            montages = _error_montages(net, classes, views, worst.iloc[indices], channels)
            _write_montages(dict(zip(indices, montages, strict=True)), run / "mistakes")
            bar.update(len(indices))
        randomized_net = with_random_weights(net, config.seed)
        scores: list[MapScores] = []
        patients: list[str] = []
        for indices, views in _upright_views(sampled["image"], config, channels, root, device):
            seed = config.seed + len(patients)
            scores.append(score_maps(net, randomized_net, views, places=PLACES, steps=STEPS, seed=seed))
            patients += sampled["patient"].iloc[indices].tolist()
            bar.update(len(indices))
    if not patients:
        return
    curves, rank_correlation = (
        {
            method: torch.cat([getattr(batch, kind)[method] for batch in scores]).cpu().numpy()
            for method in getattr(scores[0], kind)
        }
        for kind in ("curves", "rank_correlation")
    )
    table = faithfulness_estimates(by_test(curves, rank_correlation), patients, seed=config.seed)
    write_json({"patients": len(patients), "sanity": table}, run / "sanity.json")


def _error_montages(
    net: nn.Module, classes: Sequence[str], views: Tensor, rows: pd.DataFrame, channels: Normalisation
) -> list[Image.Image]:
    """Return a montage per view: rows are the two methods, columns the predicted and the true grade."""
    maps = [class_activation(net, views)[1]["hires_cam"], occlusion(net, views, places=PLACES)]
    montages, side = [], (THUMBNAIL - GAP) // 2
    for index, row in enumerate(rows.to_dict("records")):
        pixels = as_seen(views[index], channels)
        grades = [list(classes).index(row[column]) for column in ("predicted", "grade")]
        heatmaps = [of_method[index].cpu().numpy() for of_method in maps]
        montage = Image.new("RGB", (THUMBNAIL, THUMBNAIL), "white")
        for top, heatmap in zip((0, THUMBNAIL - side), heatmaps, strict=True):
            for left, grade in zip((0, THUMBNAIL - side), grades, strict=True):
                tile = Image.fromarray(overlay(pixels, heatmap[grade], float(np.abs(heatmap).max())))
                montage.paste(tile.resize((side, side), Image.Resampling.BICUBIC), (left, top))
        montages.append(montage)
    return montages


def _write_montages(montages: Mapping[int, Image.Image], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for index, montage in montages.items():
        with atomic_write(folder / f"{index}_maps.jpg") as part:
            montage.save(part, "JPEG", quality=85)


def _upright_views(
    images: Iterable[str], config: TrainConfig, channels: Normalisation, root: Path, device: torch.device
) -> Iterator[tuple[list[int], Tensor]]:
    """Yield batches of upright views of the readable images, with their indices in the list."""
    size, border, reading = config.data.image_size, config.augment.border, config.data.reading()
    side = cached_size(size, border)
    indexed, below = list(enumerate(images)), Inside(root, outside=config.data.outside)
    for first in range(0, len(indexed), BATCH):
        crops = {}
        for index, image in indexed[first : first + BATCH]:
            with contextlib.suppress(ImageError, OutsideError):
                crops[index] = torch.tensor(read_square(below.path(image), side, reading))
        if crops:
            batch = torch.stack(list(crops.values())).to(device)
            upright = ViewParams.upright(len(crops), device)
            yield (
                list(crops),
                make_views(batch, upright, size=size, border=border, normalisation=channels),
            )
