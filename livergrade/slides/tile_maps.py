"""Read the attribution maps of a slide's tiles, as an earlier start wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livergrade.errors import UserError
from livergrade.io.regular_files import MEGABYTE, open_regular
from livergrade.io.visible import shown

LARGEST = 4096 * MEGABYTE
"""Bytes of an archive, and of its content once it is unpacked."""
_FIX = "remove it, and grade the slide again"


@dataclass(frozen=True)
class TileMaps:
    """Attribution maps of the tiles of a slide.

    Attributes:
        maps: ``float [tiles, classes, h, w]``.
        x: left edges of the mapped areas, pixels of the slide, ``float [tiles]``.
        y: upper edges of the mapped areas.
        side: side of an area, pixels of the slide.
        classes: the grades, worst to best.
    """

    maps: NDArray[np.float32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    side: float
    classes: list[str]


def read_maps(archive: Path) -> TileMaps:
    """Read the archive that `livergrade.slides.heatmap.write_maps` writes.

    Raises:
        UserError: it is missing, too large when unpacked, or holds anything but finite maps.
    """
    try:
        with (
            open_regular(archive, LARGEST, fix=_FIX) as file,
            np.load(file, allow_pickle=False) as raw,
        ):
            if sum(member.file_size for member in raw.zip.infolist()) > LARGEST:
                raise ValueError("it is too large when it is unpacked")
            found: dict[str, Any] = {name: raw[name] for name in ("maps", "x", "y", "side", "classes")}
    except Exception as error:  # damaged archives raise many exception types: BadZipFile, KeyError, ...
        if isinstance(error, UserError | MemoryError):
            raise
        raise UserError(f"{shown(archive)}: can't be read as maps ({shown(error)}); {_FIX}") from None
    maps, x, y, side, classes = found.values()
    numbers = all(part.dtype.kind == "f" for part in (maps, x, y, side)) and classes.dtype.kind == "U"
    shapes = (maps.ndim, x.shape, y.shape, side.shape, classes.shape)
    if not numbers or shapes != (4, maps.shape[:1], maps.shape[:1], (), maps.shape[1:2]) or not maps.size:
        raise UserError(f"{shown(archive)}: does not have a map of each grade for each tile; {_FIX}")
    if not all(np.isfinite(part).all() for part in (maps, x, y, side)) or not 0 < side < 1e6:
        raise UserError(f"{shown(archive)}: holds numbers that are not finite; {_FIX}")
    return TileMaps(maps, x, y, float(side), [str(name) for name in classes])
