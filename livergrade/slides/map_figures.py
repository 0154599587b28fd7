"""Figures over a slide: the answer of each tile, and the attribution map of the slide's grade."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from livergrade.errors import UserError
from livergrade.io.grades import UNLIKE, UNSURE, WITHHELD
from livergrade.io.visible import shown
from livergrade.reports.overlay import overlay
from livergrade.reports.palette import GRADES, INK, MUTED, NOTE
from livergrade.reports.style import heading
from livergrade.slides.tile_maps import read_maps

PALE, FULL = 0.15, 0.65
"""Opacity of a tile's colour if all grades are equally probable, and if one is certain."""
HATCHES = {UNLIKE: "/////", UNSURE: "....."}
"""Pattern of tiles for which no grade is answered."""


def map_figure(
    thumbnail: NDArray[np.uint8],
    scale: tuple[float, float],
    tiles: pd.DataFrame,
    classes: Sequence[str],
    *,
    side: float,
    mpp: float,
    min_tissue: float,
    title: str,
) -> Figure:
    """Plot the slide without and with each cell in the colour of its answer; opacity shows the probability.

    Cells without a grade are hatched. Cells that were not graded have no colour.

    Args:
        thumbnail: ``uint8 [height, width, 3]``.
        scale: slide pixels per thumbnail pixel, along x and y.
        tiles: one row per graded cell: ``x``, ``y``, ``answer`` and ``p_<grade>``.
        classes: the grades, worst to best.
        side: side of a cell, pixels of the slide.
        mpp: µm per pixel.
        min_tissue: share of a tile below which it was not graded.
        title: title of the figure.
    """
    height, width = thumbnail.shape[:2]
    colours = {grade: GRADES[number % len(GRADES)] for number, grade in enumerate(classes)}
    handles = [
        Patch(facecolor=colour, alpha=FULL, label=_share(tiles, grade)) for grade, colour in colours.items()
    ]
    handles += _withheld_handles(tiles)
    even = 1 / len(classes)
    handles += [
        Patch(facecolor=MUTED, alpha=PALE, label=f"pale: probability {even:.0%}"),
        Patch(facecolor=MUTED, alpha=FULL, label="full colour: probability 100%"),
        Patch(
            facecolor="white",
            edgecolor=MUTED,
            linewidth=0.6,
            label=f"no colour: not graded, less than {min_tissue:.0%} tissue",
        ),
    ]
    figure, (plain, graded) = _side_by_side(thumbnail, handles)
    for grade, colour in colours.items():
        for row in tiles[tiles["answer"] == grade].to_dict("records"):
            sure = float(np.clip((row[f"p_{grade}"] - even) / (1 - even), 0, 1))
            graded.add_patch(
                _cell(
                    row,
                    scale,
                    side,
                    facecolor=(*to_rgb(colour), PALE + (FULL - PALE) * sure),
                    edgecolor=(*to_rgb(colour), 0.7),
                )
            )
    _hatch_withheld(graded, tiles, scale, side)
    bar = 10.0 ** np.floor(np.log10(width * scale[0] * mpp / 3))
    length = bar / mpp / scale[0]
    plain.plot([0.04 * width, 0.04 * width + length], [0.96 * height] * 2, color="black", linewidth=3)
    plain.text(0.04 * width, 0.945 * height, f"{bar:g} µm", fontsize=9, va="bottom")
    heading(figure, title, NOTE)
    return figure


def stitch_maps(
    maps: NDArray[np.float32], boxes: NDArray[np.float64], width: int, height: int
) -> NDArray[np.float32]:
    """Stitch the maps of tiles; the mean where they overlap, NaN where there is no map.

    Args:
        maps: ``float32 [tiles, h, w]``.
        boxes: left, upper, right and lower edges in the stitched map, pixels, ``[tiles, 4]``.
        width: width of the stitched map, pixels.
        height: height of the stitched map, pixels.
    """
    total, counts = np.zeros((2, height, width), np.float32)
    for heat, (left, upper, right, lower) in zip(maps, boxes.round().astype(int), strict=True):
        rows, columns = max(lower - upper, 1), max(right - left, 1)
        resized = cv2.resize(heat, (columns, rows), interpolation=cv2.INTER_LINEAR)
        top, side = max(upper, 0), max(left, 0)
        visible = resized[top - upper : height - upper, side - left : width - left]
        total[top:lower, side:right] += visible
        counts[top:lower, side:right] += 1
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float32] = total / counts
    return mean


def why_figure(
    thumbnail: NDArray[np.uint8],
    scale: tuple[float, float],
    archive: Path,
    tiles: pd.DataFrame,
    grade: str,
    *,
    answer: str,
    side: float,
    title: str,
) -> Figure:
    """Plot the slide, and its attribution map: red supports the grade, blue opposes it.

    Args:
        thumbnail: ``uint8 [height, width, 3]``.
        scale: slide pixels per thumbnail pixel, along x and y.
        archive: file of :func:`livergrade.slides.heatmap.write_maps`.
        tiles: one row per graded cell: ``x``, ``y`` and ``answer``.
        grade: the most probable grade of the slide.
        answer: what is answered for the slide: the grade, or why there is none.
        side: side of a cell, pixels of the slide.
        title: begin of the figure's title.
    """
    height, width = thumbnail.shape[:2]
    raw = read_maps(archive)
    if grade not in raw.classes:
        raise UserError(f"{shown(archive)}: has no maps of {grade}; remove it, and grade the slide again")
    maps = raw.maps[:, raw.classes.index(grade)]
    left, upper = raw.x / scale[0], raw.y / scale[1]
    right, lower = (raw.x + raw.side) / scale[0], (raw.y + raw.side) / scale[1]
    heat = stitch_maps(maps, np.column_stack([left, upper, right, lower]), width, height)
    most = float(np.nanquantile(np.abs(heat), 0.99))  # a single extreme value must not make the rest pale
    figure, (plain, reasons) = _side_by_side(thumbnail, _withheld_handles(tiles))
    plain.set_title("the slide", fontsize=9)
    reasons.imshow(overlay(thumbnail, np.nan_to_num(heat), most), interpolation="bilinear")
    reasons.set_title(f"red supports {grade}, blue opposes it", fontsize=9)
    _hatch_withheld(reasons, tiles, scale, side)
    given = f"why {grade}" if answer == grade else f"{answer}; the most probable grade would be {grade}"
    heading(figure, f"{title}: {given}", NOTE)
    return figure


def _share(tiles: pd.DataFrame, answer: str) -> str:
    name = textwrap.shorten(answer, 40, placeholder="…")
    return f"{name}: {float((tiles['answer'] == answer).mean()):.0%} of the graded tissue"


def _withheld_handles(tiles: pd.DataFrame) -> list[Patch]:
    """Entries of the legend for the reasons why cells have no grade, as far as there are such cells."""
    return [
        Patch(
            facecolor="white",
            edgecolor=INK,
            linewidth=0,
            hatch=HATCHES[reason],
            label=_share(tiles, reason),
        )
        for reason in WITHHELD
        if (tiles["answer"] == reason).any()
    ]


def _hatch_withheld(axes: Axes, tiles: pd.DataFrame, scale: tuple[float, float], side: float) -> None:
    for reason in WITHHELD:
        for row in tiles[tiles["answer"] == reason].to_dict("records"):
            axes.add_patch(
                _cell(row, scale, side, facecolor=(1, 1, 1, 0.5), edgecolor=INK, hatch=HATCHES[reason])
            )


def _cell(row: dict[Any, Any], scale: tuple[float, float], side: float, **style: Any) -> Rectangle:  # noqa: ANN401
    """A cell of the slide, in pixels of the thumbnail."""
    corner = (row["x"] / scale[0] - 0.5, row["y"] / scale[1] - 0.5)
    return Rectangle(corner, side / scale[0], side / scale[1], linewidth=0.6, **style)


def _side_by_side(thumbnail: NDArray[np.uint8], handles: Sequence[Patch]) -> tuple[Figure, tuple[Axes, Axes]]:
    """A figure with the slide twice, and the legend below in as many columns as fit."""
    height, width = thumbnail.shape[:2]
    across = 6.0 if width >= height else max(2.6, 6.0 * width / height)
    whole = 2 * across + 0.3
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    columns = max(1, min(3, int(whole / (0.6 + 0.08 * longest))))  # inches: the patch and its characters
    rows = math.ceil(len(handles) / columns)
    size = (whole, max(2.4, across * height / width) + 0.8 + 0.22 * rows)
    figure = Figure(size, layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.imshow(thumbnail, interpolation="bilinear")
        axes.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
    return figure, (left, right)
