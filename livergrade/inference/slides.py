"""Grade a slide tile by tile and draw its heatmap."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from livergrade.config.schema import PredictConfig
from livergrade.inference.answers import Answers
from livergrade.inference.grader import Grader
from livergrade.inference.images import graded_row, read_graded
from livergrade.inference.inputs import Input
from livergrade.inference.readers import SlideTiles, read_ahead
from livergrade.io.file_names import file_name
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.io.tables import write_table
from livergrade.io.visible import one_line

if TYPE_CHECKING:
    from livergrade.slides.heatmap import TileGrid


def grade_slides(
    slides: Sequence[Input],
    grader: Grader,
    config: PredictConfig,
    out: Path,
    failed: dict[str, str],
    answers: Answers,
) -> pd.DataFrame:
    """Grade slides, one row each; slides that can't be graded are added to ``failed``."""
    rows = [grade_slide(slide, grader, config, out, failed, answers) for slide in slides]
    return pd.DataFrame([row for row in rows if row])


def grade_slide(
    source: Input,
    grader: Grader,
    config: PredictConfig,
    out: Path,
    failed: dict[str, str],
    answers: Answers,
) -> dict[str, Any] | None:
    """Grade a slide's tiles: write ``tiles/<slide>.csv`` and the heatmap (PNG, SVG, GeoJSON) in ``maps/``.

    With ``why=true`` also write the tiles' class-activation maps, as ``maps/<slide>_why.npz`` and as an
    overlay on the slide.

    Returns:
        The slide's row of ``slides.csv``, or None if it can't be graded.
    """
    from livergrade.reports import style  # imports matplotlib, which is slow and not needed for images
    from livergrade.slides import heatmap, map_figures

    name = file_name(source.path.stem)
    try:
        slide = Slide(source.path, source.mpp or config.slide_mpp)
        tile = config.tile_um / slide.mpp
        cells = heatmap.make_grid(slide.width, slide.height, tile * config.stride, tile)
        tissue = slide.tissue
        x, y = cells.corners.T
        cells = cells.only(tissue.share(x, y, tile) >= config.min_tissue)
        if not len(cells.x):
            raise SlideError(f"has no tile of which {config.min_tissue:.0%} is tissue; lower min_tissue")
        (out / "maps").mkdir(parents=True, exist_ok=True)
        why = out / "maps" / f"{name}_why.npz"
        tiles = _tiles(slide, cells, grader, config, out / "tiles" / f"{name}.csv", why, answers)
    except SlideError as error:
        failed[str(source.path)] = str(error)
        return None
    summary = heatmap.summary(tiles, grader.classes, side=cells.side, mpp=slide.mpp)
    answered = answers(pd.DataFrame([summary]), "slide").iloc[0]
    result = summary | {name: str(answered[name]) for name in ("set", "answer")}
    heatmap.write_tiles_geojson(tiles, grader.classes, cells.side, out / "maps" / f"{name}.geojson")
    figure = map_figures.map_figure(
        tissue.thumbnail,
        tissue.scale,
        tiles,
        grader.classes,
        side=cells.side,
        mpp=slide.mpp,
        min_tissue=config.min_tissue,
        title=f"{source.path.stem}: {result['answer']}",
    )
    style.save(figure, out / "maps" / f"{name}.png")
    if config.why:
        figure = map_figures.why_figure(
            tissue.thumbnail,
            tissue.scale,
            why,
            tiles,
            result["predicted"],
            answer=result["answer"],
            side=cells.side,
            title=source.path.stem,
        )
        style.save(figure, out / "maps" / f"{name}_why.png")
    slide.close()
    return {"slide": str(source.path), "patient": source.patient} | result


def _tiles(
    slide: Slide,
    cells: TileGrid,
    grader: Grader,
    config: PredictConfig,
    target: Path,
    why: Path,
    answers: Answers,
) -> pd.DataFrame:
    """Return one row per tile, read from ``target`` if an earlier run wrote it; ``why`` is the file of maps.

    Raises:
        SlideError: a tile can't be read. With missing tiles the slide would seem to have less tumour.
    """
    from livergrade.slides.heatmap import write_maps

    if os.path.lexists(target) and (os.path.lexists(why) or not config.why):
        read_graded(target, ("x", "y"), grader.classes)
        return answers.of_tiles(pd.read_csv(target))  # as before: a distance may be missing
    count = len(cells.x)
    read = SlideTiles(slide, cells.corners, cells.tile, grader.size)
    rows: list[dict[str, Any]] = []
    maps: dict[int, NDArray[np.float32]] = {}
    with tqdm(total=count, desc=one_line(slide.path.stem), unit="tile") as bar:
        batches = read_ahead(read, count, batch_size=config.batch_size, workers=config.workers)
        for indices, pixels, errors in batches:
            if errors:
                raise SlideError(next(iter(errors.values())))
            probabilities, distances = grader.grade(pixels), grader.distances(pixels)
            for index, views, distance in zip(indices, probabilities, distances, strict=True):
                position = {"x": cells.x[index], "y": cells.y[index]}
                rows.append(position | graded_row(views, grader.classes) | grader.ood_score(distance))
            if config.why:
                maps.update(zip(indices, grader.activation(pixels), strict=True))
            bar.update(len(indices))
    tiles = answers.of_tiles(pd.DataFrame(rows).sort_values(["y", "x"], ignore_index=True))
    if config.why:
        write_maps(maps, cells.corners, cells.tile, grader.view_fraction, grader.classes, why)
    write_table(tiles, target)
    return tiles
