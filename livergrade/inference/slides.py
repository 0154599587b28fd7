"""Grade a slide tile by tile, and draw the map of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from livergrade.config.schema import PredictConfig
from livergrade.inference.grader import Grader
from livergrade.inference.images import graded_row
from livergrade.inference.inputs import Input
from livergrade.inference.readers import SlideTiles, read_ahead
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.io.tables import write_table

if TYPE_CHECKING:
    from livergrade.slides.heatmap import TileGrid


def grade_slides(
    slides: Sequence[Input], grader: Grader, config: PredictConfig, out: Path, failed: dict[str, str]
) -> pd.DataFrame:
    """Grade slide by slide, one row each; one that can't be graded is named in ``failed``."""
    rows = [grade_slide(one, grader, config, out, failed) for one in slides]
    return pd.DataFrame([row for row in rows if row])


def grade_slide(
    one: Input, grader: Grader, config: PredictConfig, out: Path, failed: dict[str, str]
) -> dict[str, Any] | None:
    """Grade a slide's tiles: ``tiles/<slide>.csv``, and its map as PNG, SVG and GeoJSON in ``maps/``.

    With ``why=true`` the tiles' class-activation maps, too, as ``maps/<slide>_why.npz`` and over the slide.

    Returns:
        Its row of ``slides.csv``, or None where it can't be graded.
    """
    from livergrade.reports import style  # with matplotlib, which images alone need not wait for
    from livergrade.slides import heatmap

    name = one.path.stem
    try:
        slide = Slide(one.path, one.mpp or config.slide_mpp)
        tile = config.tile_um / slide.mpp
        cells = heatmap.make_grid(slide.width, slide.height, tile * config.stride, tile)
        tissue = slide.tissue
        x, y = cells.corners.T
        cells = cells.only(tissue.share(x, y, tile) >= config.min_tissue)
        if not len(cells.x):
            raise SlideError(f"has no tile of which {config.min_tissue:.0%} is tissue; lower min_tissue")
        (out / "maps").mkdir(parents=True, exist_ok=True)
        why = out / "maps" / f"{name}_why.npz"
        tiles = _tiles(slide, cells, grader, config, out / "tiles" / f"{name}.csv", why)
    except SlideError as error:
        failed[str(one.path)] = str(error)
        return None
    told = heatmap.summary(tiles, grader.classes, side=cells.side, mpp=slide.mpp)
    heatmap.write_tiles_geojson(tiles, grader.classes, cells.side, out / "maps" / f"{name}.geojson")
    figure = heatmap.map_figure(
        tissue.thumbnail,
        tissue.scale,
        tiles,
        grader.classes,
        side=cells.side,
        mpp=slide.mpp,
        title=f"{name}: {told['predicted']}",
    )
    style.save(figure, out / "maps" / f"{name}.png")
    if config.why:
        figure = heatmap.why_figure(tissue.thumbnail, tissue.scale, why, told["predicted"], title=name)
        style.save(figure, out / "maps" / f"{name}_why.png")
    slide.close()
    return {"slide": str(one.path), "patient": one.patient} | told


def _tiles(
    slide: Slide, cells: TileGrid, grader: Grader, config: PredictConfig, target: Path, why: Path
) -> pd.DataFrame:
    """One row a tile, from ``target`` if an earlier start wrote it there; ``why`` for the tiles' maps.

    Raises:
        SlideError: a tile can't be read. A slide with holes in it would look like one with less tumour.
    """
    from livergrade.slides.heatmap import write_maps

    if target.is_file() and (why.is_file() or not config.why):
        return pd.read_csv(target)
    count = len(cells.x)
    read = SlideTiles(slide, cells.corners, cells.tile, grader.size)
    rows: list[dict[str, Any]] = []
    maps: dict[int, NDArray[np.float32]] = {}
    with tqdm(total=count, desc=slide.path.stem, unit="tile") as bar:
        batches = read_ahead(read, count, batch_size=config.batch_size, workers=config.workers)
        for numbers, squares, reasons in batches:
            if reasons:
                raise SlideError(next(iter(reasons.values())))
            graded, away = grader.grade(squares), grader.distances(squares)
            for number, views, distance in zip(numbers, graded, away, strict=True):
                place = {"x": cells.x[number], "y": cells.y[number]}
                rows.append(place | graded_row(views, grader.classes) | grader.ood_score(distance))
            if config.why:
                maps.update(zip(numbers, grader.activation(squares), strict=True))
            bar.update(len(numbers))
    tiles = pd.DataFrame(rows).sort_values(["y", "x"], ignore_index=True)
    if config.why:
        write_maps(maps, cells.corners, cells.tile, grader.seen, grader.classes, why)
    write_table(tiles, target)
    return tiles
