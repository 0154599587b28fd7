"""Files as they come: each is read right, or refused in a line that names it; never anything else."""

import io
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.data.cohort import from_manifest
from livergrade.errors import UserError
from livergrade.io.images import ImageError, read_rgb
from tests.conftest import GRADES, write_cohort

PICTURE = np.random.default_rng(0).integers(30, 220, (48, 64, 3)).astype(np.uint8)


def encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, kind, **options)
    return file.getvalue()


def black_png(side: int) -> bytes:
    """A whole square PNG of one bit a pixel, without the memory that Pillow would need to draw it."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(side * (1 + (side + 7) // 8)), 1)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def bad_images() -> Iterator[tuple[str, bytes]]:
    """Name and content of files that are no whole picture of tissue."""
    for kind, suffix in (("PNG", "png"), ("JPEG", "jpg"), ("TIFF", "tif"), ("BMP", "bmp"), ("WEBP", "webp")):
        whole = encoded(kind)
        for share in (0.0, 0.01, 0.05, 0.3, 0.6, 0.9):
            yield f"cut at {share:.0%}.{suffix}", whole[: int(share * len(whole))]
        yield f"without its head.{suffix}", whole[16:]
        yield f"zeros.{suffix}", bytes(len(whole))
    yield "text.png", b"image,patient,grade\n"
    yield "page.png", b"<html><script>alert(1)</script></html>"
    yield "vector.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    yield "archive.tif", b"PK\x03\x04" + bytes(100)
    yield "pickle.jpg", b"\x80\x04\x95" + bytes(100)
    for kind, suffix in (("GIF", "gif"), ("ICO", "ico"), ("PPM", "ppm"), ("TGA", "tga"), ("PCX", "pcx")):
        yield f"{suffix}.png", encoded(kind)
    for suffix, kind in (("png", "PNG"), ("tif", "TIFF"), ("webp", "WEBP")):
        file = io.BytesIO()
        first, second = Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE)
        first.save(file, kind, save_all=True, append_images=[second])
        yield f"two frames.{suffix}", file.getvalue()
    for side in (1, 2, 8):
        file = io.BytesIO()
        Image.new("RGB", (side, 40)).save(file, "PNG")
        yield f"{side} wide.png", file.getvalue()
    for side in (9000, 30000):
        yield f"bomb of {side}.png", black_png(side)
    file = io.BytesIO()
    Image.fromarray(PICTURE[..., 0].astype(np.float32)).save(file, "TIFF")
    yield "mode F.tif", file.getvalue()


BAD = dict(bad_images())


def test_there_are_enough_of_them() -> None:
    assert len(BAD) + len(ROWS) >= 60


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(ImageError) as told:
        read_rgb(path)
    assert str(told.value)
    assert "\n" not in str(told.value)


def test_a_cohort_of_bad_images_lists_them_all(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path)
    lines = manifest.read_text().splitlines()
    for number, (name, content) in enumerate(BAD.items()):
        (tmp_path / name).write_bytes(content)
        lines.append(f"{name},X{number},poor,F")
    manifest.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError) as told:
        from_manifest(manifest, list(GRADES))
    for name in BAD:
        assert f"{tmp_path / name} " in str(told.value), name


ROWS: dict[str, tuple[Callable[[str], str], str]] = {
    "binary": (lambda text: "\0\1\2" + text, ""),
    "a quote that never ends": (lambda text: text.replace("poor/", '"poor/', 1), ""),
    "too many cells": (lambda text: text.replace(",M\n", ",M,1,2\n", 1), ""),
    "no header": (lambda text: text.split("\n", 1)[1], "no column"),
    "another delimiter": (lambda text: text.replace(",", "^"), "no column"),
    "two columns of one name": (lambda text: text.replace("sex", "grade", 1), "more than one column"),
    "a reserved column": (lambda text: text.replace("sex", "p_poor", 1), "rename"),
    "an unknown grade": (lambda text: text.replace(",poor,", ",awful,", 1), "'awful'"),
    "a grade of other case": (lambda text: text.replace(",poor,", ",Poor,", 1), "'Poor'"),
    "no patient": (lambda text: text.replace(",P00,", ",,", 1), "patient is blank"),
    "a file that is not there": (lambda text: text.replace("P00_0.png", "P99_0.png", 1), "does not exist"),
    "the same file twice": (lambda text: text + text.splitlines()[1] + "\n", "listed already"),
    "out of the folder": (lambda text: text.replace("poor/P00_0", "../P00_0", 1), "outside"),
    "a formula": (lambda text: text.replace(",P00,", ",=1+1,", 1), "formula"),
    "nothing": (lambda text: "", ""),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_bad_manifest_is_refused(tmp_path: Path, name: str) -> None:
    manifest = write_cohort(tmp_path)
    change, words = ROWS[name]
    before = manifest.read_text()
    manifest.write_text(change(before))
    assert manifest.read_text() != before
    with pytest.raises(UserError) as told:
        from_manifest(manifest, list(GRADES))
    assert "cohort.csv" in str(told.value)
    assert words in str(told.value)


def test_names_with_blanks_and_other_letters_are_read(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "Übersicht Leber 肝")
    for number, name in enumerate(
        ("größe 1.png", "肝臓.png", "a'b.png", "c d e.png", "x#y&z.png", "%41.png")
    ):
        rows = manifest.read_text().splitlines()
        image, *others = rows[1 + number].split(",")
        shutil.move(manifest.parent / image, manifest.parent / name)
        rows[1 + number] = ",".join([name, *others])
        manifest.write_text("\n".join(rows) + "\n")
    assert len(from_manifest(manifest, list(GRADES)).table) == 24
