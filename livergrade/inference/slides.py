"""Grade a slide tile by tile and draw its heatmap."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from livergrade.config.schema import PredictConfig
from livergrade.data.colour import log_slide_colours
from livergrade.inference.answers import Answers
from livergrade.inference.grader import Grader
from livergrade.inference.images import graded_rows, read_graded
from livergrade.inference.inputs import Input
from livergrade.inference.readers import SlideTiles
from livergrade.io.bars import bar as progress_bar
from livergrade.io.file_names import file_name
from livergrade.io.files import atomic_write
from livergrade.io.kept import Kept, digest
from livergrade.io.slide_files import slide_identity
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
    kept: Kept,
) -> pd.DataFrame:
    """Grade slides, one row each; slides that can't be graded are added to ``failed``."""
    log_slide_colours([slide.path for slide in slides], grader.reading.icc, "train with data.icc=apply")
    rows = [grade_slide(slide, grader, config, out, failed, answers, kept) for slide in slides]
    return pd.DataFrame([row for row in rows if row])


def grade_slide(
    source: Input,
    grader: Grader,
    config: PredictConfig,
    out: Path,
    failed: dict[str, str],
    answers: Answers,
    kept: Kept,
) -> dict[str, Any] | None:
    """Grade a slide's tiles: write ``tiles/<slide>.csv`` and the heatmap (PNG, SVG, GeoJSON) in ``maps/``.

    With ``why=true`` also write the tiles' class-activation maps, as ``maps/<slide>_why.npz`` and as an
    overlay on the slide. The tiles of a slide that ``kept`` has are not graded again.

    Returns:
        The slide's row of ``slides.csv``, or None if it can't be graded.
    """
    from livergrade.slides import heatmap

    name = file_name(source.path.stem)
    made_from = {"slide": slide_identity(source.path), "mpp": source.mpp}
    try:
        slide = Slide(source.path, source.mpp or config.slide_mpp, grader.reading.icc)
        assert config.tile_um
        tile = config.tile_um / slide.mpp
        cells = heatmap.make_grid(slide.width, slide.height, tile * config.stride, tile)
        tissue = slide.tissue
        x, y = cells.corners.T
        cells = cells.only(tissue.share(x, y, tile) >= config.min_tissue)
        if not len(cells.x):
            raise SlideError(f"has no tile of which {config.min_tissue:.0%} is tissue; lower min_tissue")
        tiles, maps = _tiles(slide, source, made_from, cells, grader, config, kept)
    except SlideError as error:
        failed[str(source.path)] = str(error)
        return None
    (out / "maps").mkdir(parents=True, exist_ok=True)
    tiles = answers.of_tiles(tiles)
    write_table(tiles, out / "tiles" / f"{name}.csv")
    summary = heatmap.summary(tiles, grader.classes, side=cells.side, mpp=slide.mpp)
    answered = answers(pd.DataFrame([summary]), "slide").iloc[0]
    result = summary | {name: str(answered[name]) for name in ("set", "answer")}
    heatmap.write_tiles_geojson(tiles, grader.classes, cells.side, out / "maps" / f"{name}.geojson")
    _draw(
        slide,
        tiles,
        maps,
        result,
        side=cells.side,
        grades=grader.classes,
        min_tissue=config.min_tissue,
        out=out / "maps",
    )
    slide.close()
    return {"slide": str(source.path), "patient": source.patient} | result


def _draw(
    slide: Slide,
    tiles: pd.DataFrame,
    maps: Path | None,
    result: dict[str, Any],
    *,
    side: float,
    grades: Sequence[str],
    min_tissue: float,
    out: Path,
) -> None:
    """Draw the answers over the slide and, where there are class-activation maps, these."""
    from livergrade.reports import style  # imports matplotlib, which is slow and not needed for images
    from livergrade.slides import map_figures

    tissue, stem = slide.tissue, slide.path.stem
    figure = map_figures.map_figure(
        tissue.thumbnail,
        tissue.scale,
        tiles,
        grades,
        side=side,
        mpp=slide.mpp,
        min_tissue=min_tissue,
        title=f"{stem}: {result['answer']}",
    )
    style.save(figure, out / f"{file_name(stem)}.png")
    if maps:
        with atomic_write(out / f"{file_name(stem)}_why.npz") as part:
            shutil.copyfile(maps, part)
        figure = map_figures.why_figure(
            tissue.thumbnail,
            tissue.scale,
            maps,
            tiles,
            result["predicted"],
            answer=result["answer"],
            side=side,
            title=stem,
        )
        style.save(figure, out / f"{file_name(stem)}_why.png")


def _tiles(
    slide: Slide,
    source: Input,
    made_from: dict[str, Any],
    cells: TileGrid,
    grader: Grader,
    config: PredictConfig,
    kept: Kept,
) -> tuple[pd.DataFrame, Path | None]:
    """Return one row per tile, and with ``why=true`` the file of their maps; both are kept, or graded.

    Raises:
        SlideError: a tile can't be read. With missing tiles the slide would seem to have less tumour.
    """
    path = str(source.path.absolute())
    name = (
        f"{file_name(source.path.stem)}-{digest(path)[:12]}"  # another folder may have a slide of this name
    )
    table, maps = (kept.record.with_name(f"{name}{suffix}") for suffix in (".csv", ".npz"))
    known = kept.find(f"tiles {path}", made_from) is not None
    known = known and (not config.why or kept.find(f"maps {path}", made_from) is not None)
    if not known:
        _grade_tiles(slide, cells, grader, config, table, maps)
        outputs = {"stem": file_name(source.path.stem)}
        kept.add(f"tiles {path}", made_from, values=outputs, files=[table])
        if config.why:
            kept.add(f"maps {path}", made_from, values=outputs, files=[maps])
        kept.save()
    tiles = read_graded(table, ("x", "y"), grader.classes)
    numbers = tiles.columns.difference(["predicted"])
    tiles[numbers] = tiles[numbers].apply(pd.to_numeric).astype(np.float64)
    return tiles, maps if config.why else None


def _grade_tiles(
    slide: Slide, cells: TileGrid, grader: Grader, config: PredictConfig, table: Path, maps: Path
) -> None:
    """Grade the tiles into ``table``, every digit of their numbers; with ``why=true`` also their ``maps``."""
    from livergrade.slides.heatmap import write_maps

    count = len(cells.x)
    read = SlideTiles(slide, cells.corners, cells.tile, grader.size)
    rows: list[dict[str, Any]] = []
    activations: dict[int, NDArray[np.float32]] = {}
    with progress_bar(total=count, text=one_line(slide.path.stem), unit="tile") as bar:
        for batch in grader.read_ahead(read, count, config):
            if batch.errors:
                raise SlideError(next(iter(batch.errors.values())))
            for index, row in zip(batch.indices, graded_rows(batch, grader), strict=True):
                rows.append({"x": cells.x[index], "y": cells.y[index]} | row)
            if config.why:
                activations.update(zip(batch.indices, grader.activation(batch.pixels), strict=True))
            bar.update(len(batch.indices))
    tiles = pd.DataFrame(rows).sort_values(["y", "x"], ignore_index=True)
    if config.why:
        maps.parent.mkdir(parents=True, exist_ok=True)
        write_maps(activations, cells.corners, cells.tile, grader.view_fraction, grader.classes, maps)
    write_table(tiles, table, float_format=None)
