"""Slide → tiles → tensors: livergrade against a plain OpenSlide loop and TIAToolbox, on the same cores.

    python benchmarks/slides.py SLIDE [SLIDE ...] [--tiles 5000] [--rounds 3] [--mpp 0.25] [--json FILE]

Each way opens the slide, reads every tile of one list and hands out ``uint8`` tensors in batches of 32. Two
kinds of tiles: 224 px as they are scanned, and 1532 px reduced to 359, as a network of 224 px has them. The
ways take turns; a figure is the median over rounds of (peer's seconds / livergrade's). TIAToolbox takes part
where it is installed. All run on the cores that this process may use; livergrade uses them all
(``workers=<cores>``), the peers' own loops one. ``--workers 1`` compares one thread with one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import torch
from PIL import Image

from livergrade.inference.readers import SlideTiles, read_ahead
from livergrade.io.slide_reader import Slide

try:
    from tiatoolbox.wsicore.wsireader import WSIReader
except ImportError:
    WSIReader = None

BATCH = 32
Way = Callable[[Path, float | None, np.ndarray, int, int], int]


def livergrade(workers: int) -> Way:
    """Our readers."""

    def read(path: Path, mpp: float | None, corners: np.ndarray, side: int, size: int) -> int:
        tiles = SlideTiles(Slide(path, mpp), corners.astype(float), side, size)
        batches = read_ahead(tiles, len(corners), batch_size=BATCH, workers=workers, measure=False, pin=False)
        return sum(len(batch.indices) for batch in batches)

    return read


def _batched(tiles: Any, size: int) -> int:  # noqa: ANN401 - an iterator of arrays
    count, batch = 0, []
    for tile in tiles:
        batch.append(tile)
        if len(batch) == BATCH:
            assert torch.from_numpy(np.stack(batch)).shape[1:] == (size, size, 3)
            count, batch = count + len(batch), []
    if batch:
        torch.from_numpy(np.stack(batch))
    return count + len(batch)


def plain(path: Path, _mpp: float | None, corners: np.ndarray, side: int, size: int) -> int:
    """A loop over ``read_region``, as tutorials have it."""
    slide = openslide.OpenSlide(path)

    def tiles() -> Any:  # noqa: ANN401
        level = slide.get_best_level_for_downsample(1.001 * side / size)
        pixels = round(side / slide.level_downsamples[level])
        for x, y in corners.tolist():
            tile = slide.read_region((x, y), level, (pixels, pixels)).convert("RGB")
            if size != side:
                tile = tile.resize((size, size), Image.Resampling.BICUBIC)
            yield np.asarray(tile)

    return _batched(tiles(), size)


def tiatoolbox(path: Path, mpp: float | None, corners: np.ndarray, side: int, size: int) -> int:
    """``read_rect``, what its patch extractors call for each tile."""
    reader = WSIReader.open(path, mpp=(mpp, mpp) if mpp else None)

    def tiles() -> Any:  # noqa: ANN401
        for x, y in corners.tolist():
            yield reader.read_rect((x, y), (size, size), resolution=size / side, units="baseline")

    return _batched(tiles(), size)


def corners_of(slide: Slide, side: int, tiles: int) -> np.ndarray:
    """Corners of tiles side by side, row by row; the first so many."""
    x, y = np.meshgrid(range(0, slide.width - side + 1, side), range(0, slide.height - side + 1, side))
    return np.column_stack([x.ravel(), y.ravel()])[:tiles]


def main() -> None:
    """Print the table, and write JSON where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("slides", nargs="+", type=Path)
    parser.add_argument("--tiles", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mpp", type=float, help="µm a pixel, of slides that do not say")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    ways: dict[str, Way] = {"livergrade": livergrade(chosen.workers), "plain loop": plain}
    if WSIReader is not None:
        ways["TIAToolbox"] = tiatoolbox
    found = []
    print(
        "| slide | tile, px | tiles | livergrade, tiles/s | "
        + " | ".join(f"x {name}" for name in list(ways)[1:])
        + " |"
    )
    print("|---" * (3 + len(ways)) + "|")
    for path in chosen.slides:
        slide = Slide(path, chosen.mpp)
        for side, size in ((224, 224), (1532, 359)):
            corners = corners_of(slide, side, chosen.tiles)
            seconds: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(chosen.rounds):
                for name, way in ways.items():
                    started = time.perf_counter()
                    assert way(path, chosen.mpp, corners, side, size) == len(corners)
                    seconds[name].append(time.perf_counter() - started)
            own = seconds["livergrade"]
            ratios = {
                name: statistics.median(peer / ours for peer, ours in zip(times, own, strict=True))
                for name, times in seconds.items()
                if name != "livergrade"
            }
            found.append(
                {"slide": path.name, "side": side, "size": size, "tiles": len(corners), "ratios": ratios}
            )
            shown = " | ".join(f"{ratio:.2f}" for ratio in ratios.values())
            rate = len(corners) / statistics.median(own)
            print(f"| {path.name} | {side} → {size} | {len(corners)} | {rate:.0f} | {shown} |", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
