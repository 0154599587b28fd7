"""Read every image file of a folder, and compare what is read with a second decoder.

python benchmarks/image_fixtures.py <folder>

Prints how many files are read, refused and why, and which differ by more than two grey levels on average
from what Pillow, OpenCV and tifffile make of the same file. They know fewer kinds than livergrade does: a
difference is a question, not an error. Any other error than a refusal ends the script.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageOps

from livergrade.io.images import SUFFIXES, ImageError, read_rgb

MOST = 2.0
"""Grey levels, on average."""


def others(path: Path) -> dict[str, np.ndarray]:
    """What other decoders make of a file, laid on white, in 8 bits."""
    found = {}
    try:
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(image)
            if turned.mode[0] not in "IF":
                rgba = turned.convert("RGBA")
                found["Pillow"] = np.asarray(
                    Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
                )
    except Exception:  # noqa: S110 - it cannot read the file, in one of many ways
        pass
    try:
        read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:
        read = None
    if read is not None:
        found["OpenCV"] = read[..., ::-1]
    if (plain := by_tifffile(path)) is not None:
        found["tifffile"] = plain
    return found


def by_tifffile(path: Path) -> np.ndarray | None:
    """A grey or RGB TIFF without transparency, of any depth, in 8 bits; None: it is none."""
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            plain = int(page.photometric) in (0, 1, 2) and not page.extrasamples and page.sampleformat == 1
            if not plain or page.tags.valueof(274, 1) != 1:
                return None
            values = page.asarray().astype(float) * (255 / (2**page.bitspersample - 1))
            if page.samplesperpixel > 1 and page.planarconfig == 2:
                values = np.moveaxis(values, 0, -1)
            values = values if values.ndim == 3 else np.dstack([values] * 3)
            return np.round(255 - values if page.photometric == 0 else values).astype(np.uint8)
    except Exception:  # it cannot read the file, in one of many ways
        return None


def main() -> None:
    logging.disable()
    folder = Path(sys.argv[1])
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        if not path.is_file() or not os.access(path, os.R_OK):
            continue
        counts["files"] += 1
        try:
            pixels = read_rgb(path)
        except ImageError as error:
            counts["refused"] += 1
            reasons[" ".join(word for word in str(error).split() if not any(c.isdigit() for c in word))] += 1
            print(f"refused   {path.relative_to(folder)} {error}")
            continue
        counts["read"] += 1
        off = {
            name: float(np.abs(pixels.astype(int) - other).mean()) if other.shape == pixels.shape else np.inf
            for name, other in others(path).items()
        }
        if not off:
            counts["read by no other"] += 1
        elif min(off.values()) <= MOST:
            counts["right"] += 1
        else:
            counts["differing"] += 1
            print(f"differing {path.relative_to(folder)} {off}")
    print(dict(counts))
    for reason, count in reasons.most_common():
        print(f"{count:5d} {reason}")


if __name__ == "__main__":
    main()
