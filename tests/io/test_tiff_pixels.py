"""The truth of a TIFF is the array that was written: it is read, or the file is refused by what it is."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from livergrade.io.images import ImageError, read_rgb
from tests.io.tiff_writer import LOSSY, tiff

FACTORS: dict[str, tuple[Any, ...]] = {
    "kind": ("white", "black", "rgb", "palette", "cmyk", "ycbcr", "cielab", "icclab"),
    "bits": (1, 2, 4, 8, 10, 12, 14, 16, 32),
    "form": ("u", "i", "f"),
    "separate": (False, True),
    "order": ("<", ">"),
    "big": (False, True),
    "compression": (
        *("none", "lzw", "deflate", "packbits", "jpeg", "jpeg2000", "webp", "zstd", "lzma", "ccitt"),
    ),
    "predictor": (False, True),
    "tiles": (False, True),
    "alpha": (0, 1, 2),
}
CHANNELS = {"white": 1, "black": 1, "rgb": 3, "palette": 1, "cmyk": 4, "ycbcr": 3, "cielab": 3, "icclab": 3}
Case = dict[str, Any]


def can_be_written(case: Case) -> bool:
    """Whether there is such a file at all."""
    bits, kind, compression = case["bits"], case["kind"], case["compression"]
    channels = CHANNELS[kind] + (case["alpha"] > 0)
    if (case["form"] == "f" and bits not in (16, 32)) or (case["form"] == "i" and bits not in (8, 16, 32)):
        return False
    if kind == "palette" and (bits > 8 or case["form"] != "u"):
        return False
    whole = case["form"] == "u" and not case["predictor"]
    if compression == "ccitt":
        return whole and bits == 1 and channels == 1
    if compression == "jpeg":
        return (
            whole
            and bits == 8
            and (channels in (1, 3) or case["separate"])
            and kind in ("white", "black", "rgb")
        )
    if compression == "jpeg2000":
        return whole and bits == 8 and (channels in (1, 3) or case["separate"])
    if compression == "webp":
        return whole and bits == 8 and kind == "rgb" and not case["separate"]
    return not case["predictor"] or (bits in (8, 16, 32) and case["form"] != "f")


def pairs(case: Case) -> set[tuple[Any, ...]]:
    return {(a, case[a], b, case[b]) for a, b in itertools.combinations(FACTORS, 2)}


def is_picture(case: Case) -> bool:
    """Whether the file can mean one thing only, and one that is a picture."""
    kind, bits = case["kind"], case["bits"]
    if (case["form"] != "u" and kind != "cielab") or case["form"] == "f" or bits > 16:
        return False
    if kind not in ("white", "black", "rgb") and case["alpha"]:
        return False
    if kind == "ycbcr" and (bits != 8 or case["compression"] == "jpeg2000"):
        return False
    return not kind.endswith("lab") or bits in (8, 16)


def covering(among: Callable[[Case], bool], seed: int = 0) -> list[Case]:
    """Few cases in which every pair of values comes up that can: each is the best of many drawn ones."""
    draw = random.Random(seed)
    pool = [{name: draw.choice(values) for name, values in FACTORS.items()} for _ in range(30_000)]
    pool = [case for case in pool if can_be_written(case) and among(case)]
    of_case = [pairs(case) for case in pool]
    left = set().union(*of_case)
    chosen = []
    while left:
        best = max(draw.sample(range(len(pool)), min(120, len(pool))), key=lambda at: len(of_case[at] & left))
        if not of_case[best] & left:
            best = max(range(len(pool)), key=lambda at: len(of_case[at] & left))
        chosen.append(pool[best])
        left -= of_case[best]
    return chosen


HEIGHT, WIDTH = 21, 37
_Y, _X = np.mgrid[0:HEIGHT, 0:WIDTH]
PICTURE = np.dstack([230 - 3 * _X, 90 + 5 * _Y, 60 + 2 * _X + 3 * _Y]).clip(0, 255).astype(np.uint8)
OPAQUE = (80 + 4 * _X).clip(0, 255).astype(np.uint8)


def written(case: Case) -> tuple[bytes, np.ndarray]:
    """The file, and the picture that it holds, ``float [height, width, 3]`` of 0 to 255."""
    kind, bits = case["kind"], case["bits"]
    most = 2 ** min(bits, 16) - 1
    more: dict[int, tuple[int, list]] = {}
    deep = np.round(PICTURE / 255.0 * most)
    truth = deep / most * 255
    if kind in ("white", "black"):
        deep = deep[..., :1]
        truth = (deep / most * 255).repeat(3, 2)
        deep = most - deep if kind == "white" else deep
    elif kind == "palette":
        palette = np.random.default_rng(0).integers(0, 256, (2**bits, 3))
        deep = deep[..., :1]
        truth = palette[deep[..., 0].astype(int)].astype(float)
        more[320] = (3, (palette.T * 257).ravel().tolist())
    elif kind == "cmyk":
        deep = np.dstack([most - deep, np.full((HEIGHT, WIDTH), most // 4)])
        truth = truth * (1 - deep[..., 3:] / most)
    elif kind == "ycbcr":
        deep = np.asarray(Image.fromarray(PICTURE).convert("YCbCr"), float)
        more[530] = (3, [1, 1])
    elif kind in ("cielab", "icclab"):
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        lab = ImageCms.profileToProfile(Image.fromarray(PICTURE), *profiles, outputMode="LAB")
        eight = np.dstack([np.asarray(band) for band in lab.split()]).astype(int)
        if kind == "cielab":
            eight[..., 1:] -= 128
            scale = (257, 256, 256) if bits == 16 else (1, 1, 1)
            deep = (eight * scale) % 2 ** min(bits, 16)
        else:
            deep = eight * (256 if bits == 16 else 1)
    if case["alpha"]:
        share = np.round(OPAQUE / 255.0 * most)[..., None] / most
        truth = truth * share + 255 * (1 - share)
        if case["alpha"] == 1:  # what is multiplied is the value that is written
            deep = np.round(deep * share)
            if kind in ("black", "rgb"):
                truth = (deep / most + 1 - share) * 255 + np.zeros(3)
            elif kind == "white":
                truth = 255 - deep / most * 255 + np.zeros(3)
        deep = np.dstack([deep, share * most])
    dtype = {"u": "u", "i": "i", "f": "f"}[case["form"]] + str(
        max(1, -(-min(bits, 32) // 8)) if bits not in (10, 12, 14) else 2
    )
    samples = np.asarray(deep, np.int64).astype(dtype) if case["form"] != "f" else deep.astype(dtype)
    extra = (case["alpha"],) if case["alpha"] else ()
    layout = {name: case[name] for name in ("compression", "order", "big", "separate", "predictor", "tiles")}
    return tiff(samples, kind, bits, extra=extra, more=more, **layout), truth


def test_every_pair_of_layouts_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, wrong = tmp_path / "a.tif", []
    cases = covering(is_picture)
    for case in cases:
        content, truth = written(case)
        path.write_bytes(content)
        off = np.abs(read_rgb(path) - truth).mean()
        if off > (1.6 if case["kind"].endswith("lab") or case["compression"] in LOSSY else 1.0):
            wrong.append((case, off))
    assert not wrong
    assert len(cases) > 40


def test_every_other_pair_is_refused_by_what_it_is(tmp_path: Path) -> None:
    path, wrong = tmp_path / "a.tif", []
    for case in covering(lambda case: not is_picture(case)):
        path.write_bytes(written(case)[0])
        try:
            wrong.append((case, read_rgb(path).mean()))
        except ImageError as error:
            if not re.fullmatch(
                r"is a TIFF (of|with|whose|compressed) [^\n]*; (save|flatten) .*", str(error)
            ):
                wrong.append((case, str(error)))
    assert not wrong
