"""Grade a slide tile by tile, and draw the map of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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

    name, own = one.path.stem, one.mpp or config.slide_mpp
    target, drawn = out / "tiles" / f"{name}.csv", out / "maps" / name
    why = drawn.with_name(f"{name}_why.npz")
    try:
        slide = Slide(one.path, own)
        tile = config.tile_um / slide.mpp
        cells = heatmap.divide(slide.width, slide.height, tile * config.stride, tile)
        tissue = slide.tissue
    except SlideError as error:
        failed[str(one.path)] = str(error)
        return None
    cells = cells.only(tissue.share(cells.corners[:, 0], cells.corners[:, 1], tile) >= config.min_tissue)
    if not len(cells.x):
        failed[str(one.path)] = f"has no tile of which {config.min_tissue:.0%} is tissue; lower min_tissue"
        return None
    drawn.parent.mkdir(parents=True, exist_ok=True)
    if target.is_file() and (why.is_file() or not config.why):
        tiles = pd.read_csv(target)
    else:
        read = SlideTiles(slide, cells.corners, tile, grader.size)
        rows: list[dict[str, Any]] = []
        maps: dict[int, NDArray[np.float32]] = {}
        with tqdm(total=len(cells.x), desc=name, unit="tile") as bar:
            for numbers, squares, reasons in read_ahead(
                read, len(cells.x), batch_size=config.batch_size, workers=config.workers
            ):
                if reasons:  # a slide with holes in it would look like one with less tumour
                    failed[str(one.path)] = next(iter(reasons.values()))
                    return None
                graded, away = grader.grade(squares), grader.distances(squares)
                for number, views, distance in zip(numbers, graded, away, strict=True):
                    place = {"x": cells.x[number], "y": cells.y[number]}
                    rows.append(place | graded_row(views, grader.classes) | grader.likeness(distance))
                if config.why:
                    maps.update(zip(numbers, grader.activation(squares), strict=True))
                bar.update(len(numbers))
        tiles = pd.DataFrame(rows).sort_values(["y", "x"], ignore_index=True)
        if config.why:
            heatmap.write_maps(maps, cells.corners, tile, grader.seen, grader.classes, why)
        write_table(tiles, target)
    told = heatmap.summary(tiles, grader.classes, side=cells.side, mpp=slide.mpp)
    heatmap.write_tiles_geojson(tiles, grader.classes, cells.side, drawn.with_name(f"{name}.geojson"))
    figure = heatmap.map_figure(
        tissue.thumbnail,
        tissue.scale,
        tiles,
        grader.classes,
        side=cells.side,
        mpp=slide.mpp,
        title=f"{name}: {told['predicted']}",
    )
    style.save(figure, drawn.with_name(f"{name}.png"))
    if config.why:
        figure = heatmap.why_figure(tissue.thumbnail, tissue.scale, why, told["predicted"], title=name)
        style.save(figure, drawn.with_name(f"{name}_why.png"))
    slide.close()
    return {"slide": str(one.path), "patient": one.patient} | told
