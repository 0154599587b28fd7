"""Checks of the images of a cohort: sizes, colours, blank, blurred and implausible ones, near duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort
from livergrade.data.duplicates import near_duplicates, thumbnail
from livergrade.data.quality import BLACK, IMPLAUSIBLE, UM, implausible, measure
from livergrade.io.bars import bar as progress_bar
from livergrade.io.images import ImageError, read_header, read_rgb
from livergrade.io.memory import reading_threads
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.tables import write_table
from livergrade.training.findings import FAIL, PASS, WARN, Finding, join_some, warn_if
from livergrade.training.near_duplicates import FILE, pair_lines, pairs_table

SIDE = 256
"""Images are resized to this shorter side (px) before they are measured."""
LEAST_TISSUE = 0.05
"""Share of tissue below which an image counts as blank."""
LEAST_FOCUS = 0.25
"""Sharpness relative to the cohort's median, below which an image counts as blurred."""
OUTLIER_MADS = 6.0
"""Distance from the cohort's median stain, in median absolute deviations, beyond which is an outlier."""
LOOKED_AT = 100
"""Images, at most, that are looked at when a run starts."""


def check_images(
    cohort: Cohort, config: TrainConfig, split: pd.DataFrame | None, out: Path | None = None
) -> Iterator[Finding]:
    """Decode every image; check sizes, colour modes, blank and blurred images, stain and duplicates.

    Args:
        cohort: the images.
        config: the options of the run.
        split: split of the images; None if there is none.
        out: folder into which the table of near duplicates is written; None: none is.
    """
    with reading_threads() as pool:
        measured = pool.map(_measure_image, cohort.paths, repeat(cohort.reading))
        results = list(progress_bar(measured, "checking images", len(cohort.paths), leave=False))
    broken = [
        f"{path} {result}"
        for path, result in zip(cohort.paths, results, strict=True)
        if isinstance(result, str)
    ]
    yield Finding(FAIL if broken else PASS, "images", join_some(broken) or f"all {len(results)} decode")
    rows = [row for row, result in enumerate(results) if isinstance(result, _ImageStats)]
    stats = [result for result in results if isinstance(result, _ImageStats)]
    if not stats:
        return
    table = cohort.table.iloc[rows].reset_index(drop=True)
    names = table["image"].tolist()

    yield from _check_sizes_and_modes(names, stats, config.data.image_size)
    yield from _check_appearance(dict(zip(names, [image.implausible for image in stats], strict=True)))
    blank = [name for name, image in zip(names, stats, strict=True) if image.tissue < LEAST_TISSUE]
    yield warn_if(blank, "blank images", join_some(blank) or "none", "remove them from the cohort")
    median_focus = float(np.median([image.focus for image in stats]))
    blurred = [
        name
        for name, image in zip(names, stats, strict=True)
        if image.tissue >= LEAST_TISSUE and image.focus < LEAST_FOCUS * median_focus
    ]
    fix = f"sharpness below {LEAST_FOCUS:g} times the median; check them"
    yield warn_if(blurred, "blurred images", join_some(blurred) or "none", fix)
    density = np.array([image.density for image in stats])
    deviation = np.abs(density - np.median(density, 0))
    outliers = np.flatnonzero((deviation > OUTLIER_MADS * np.maximum(np.median(deviation, 0), 0.01)).any(1))
    outlier_names = [names[row] for row in outliers]
    fix = "another stain or scanner? compare metrics by subgroup"
    yield warn_if(outlier_names, "stain outliers", join_some(outlier_names) or "none", fix)

    dark = [name for name, image in zip(names, stats, strict=True) if image.implausible == BLACK]
    unusable = {*blank, *blurred, *dark}  # these all look alike, so they would count as duplicates
    usable = [row for row, name in enumerate(names) if name not in unusable]
    if split is not None:
        table["split"] = split["split"].to_numpy()[rows]
    yield from _check_near_duplicates(table, [image.thumbnail for image in stats], usable, out)


def check_appearance(cohort: Cohort) -> Iterator[Finding]:
    """Check whether images look like H&E at all, on some of them, so that a run starts soon."""
    step = -(-len(cohort.paths) // LOOKED_AT)
    with reading_threads() as pool:
        found = list(pool.map(_implausible, cohort.paths[::step], repeat(cohort.reading)))
    yield from _check_appearance(dict(zip(cohort.table["image"][::step], found, strict=True)), step > 1)


def _check_appearance(found: dict[str, str], some: bool = False) -> Iterator[Finding]:
    """One warning for each thing that images are and H&E is not.

    Args:
        found: image → what it is, empty for a plausible one.
        some: whether not all images were looked at.
    """
    odd = {what: [image for image, is_what in found.items() if is_what == what] for what in IMPLAUSIBLE}
    seen = f"{len(found)} {'looked at, livergrade.check looks at all' if some else 'images'}"
    for what, images in odd.items():
        if images:
            message = f"{len(images)} of {seen}: {join_some(images)}"
            yield Finding(WARN, what, message, IMPLAUSIBLE[what])
    if not any(odd.values()):
        yield Finding(PASS, "appearance", "all have the brightness, structure and colours of H&E")


def _implausible(path: Path, reading: PixelReading) -> str:
    """What an image is that H&E is not; empty for a plausible or an unreadable one."""
    try:
        shorter = min(read_header(path).size)
        return implausible(read_rgb(path, shorter_side=min(SIDE, shorter), reading=reading))
    except ImageError:  # reported when the cohort is read
        return ""


def _check_sizes_and_modes(names: list[str], stats: list[_ImageStats], image_size: int) -> Iterator[Finding]:
    """Images smaller than the views, and images that are not RGB."""
    sizes = Counter(image.size for image in stats)
    message = ", ".join(
        f"{count} of {width} × {height} px" for (width, height), count in sizes.most_common(3)
    )
    message += f", and {len(sizes) - 3} other sizes" if len(sizes) > 3 else ""
    small = [name for name, image in zip(names, stats, strict=True) if min(image.size) < image_size]
    fix = f"{len(small)} are smaller than data.image_size and enlarged: {join_some(small)}"
    yield warn_if(small, "sizes", message, fix)
    modes = Counter(image.mode for image in stats if image.mode != "RGB")
    message = ", ".join(f"{count} of mode {mode}" for mode, count in modes.items()) or "all RGB"
    yield warn_if(modes, "colour modes", message, "they are converted to RGB")


def _check_near_duplicates(
    table: pd.DataFrame, thumbnails: list[NDArray[np.uint8]], usable: list[int], out: Path | None
) -> Iterator[Finding]:
    """Find near-duplicate images, across patients and within a patient.

    Args:
        table: one row per image, with ``split`` if there is one.
        thumbnails: of the images.
        usable: rows of the images that are neither blank nor blurred.
        out: folder into which the table of all pairs is written; None: none is.
    """
    rows = table.iloc[usable]
    pairs = pairs_table(
        rows, near_duplicates(np.array([thumbnails[row] for row in usable])) if usable else []
    )
    across_patients = pairs[pairs["patient_1"] != pairs["patient_2"]]
    within_patients = len(pairs) - len(across_patients)
    fix = "the same tissue under two patients leaks; check them, and remove one of each pair"
    if out and len(pairs):
        write_table(pairs, out / FILE)
        fix += f"; all pairs: {out / FILE}"
    message = f"{len(across_patients)} pair{'s' * (len(across_patients) != 1)}"
    if "split" in table:
        across_splits = int((across_patients["split_1"] != across_patients["split_2"]).sum())
        message += f" ({across_splits} of {len(across_patients)} in different splits)"
    message += "".join(f"\n      {line}" for line in pair_lines(across_patients))
    message = message if len(across_patients) else "none"
    yield warn_if(len(across_patients), "near duplicates across patients", message, fix)
    if within_patients:
        yield Finding(
            PASS, "near duplicates within patients", f"{within_patients}, each pair in the same split"
        )


@dataclass(frozen=True)
class _ImageStats:
    size: tuple[int, int]
    mode: str
    tissue: float
    focus: float
    density: NDArray[np.float64]
    thumbnail: NDArray[np.uint8]
    implausible: str


def _measure_image(path: Path, reading: PixelReading) -> _ImageStats | str:
    """Return the statistics of an image, or the reason why it can't be read."""
    try:
        header = read_header(path)
        pixels = read_rgb(path, shorter_side=SIDE, reading=reading)
    except ImageError as error:
        return str(error)
    quality = measure(pixels, UM)
    density = -np.log10(np.maximum(pixels, 1) / 255).mean((0, 1))
    # Noise that is enlarged is none.
    odd = implausible(pixels if min(header.size) >= SIDE else read_rgb(path, reading=reading))
    return _ImageStats(
        header.size, header.mode, quality.tissue, quality.focus, density, thumbnail(pixels), odd
    )
