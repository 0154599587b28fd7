"""Write a TIFF of any layout, tag by tag, so that no library decides what is in it."""

from __future__ import annotations

import io
import itertools
import math
import struct

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

CODES = {
    "none": 1,
    "ccitt": 4,
    "lzw": 5,
    "jpeg": 7,
    "deflate": 8,
    "packbits": 32773,
    "jpeg2000": 34712,
    "lzma": 34925,
    "zstd": 50000,
    "webp": 50001,
}
LOSSY = ("jpeg",)
KINDS = {"white": 0, "black": 1, "rgb": 2, "palette": 3, "cmyk": 5, "ycbcr": 6, "cielab": 8, "icclab": 9}


def compressed(samples: np.ndarray, compression: str, bits: int, order: str) -> bytes:
    """One strip or tile, ``[height, width, channels]``, as bytes."""
    height = len(samples)
    if compression == "jpeg":
        square = np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples)
        return imagecodecs.jpeg8_encode(
            square, level=98, colorspace=None, outcolorspace=None, subsampling="444"
        )
    if compression == "jpeg2000":
        square = np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples)
        return imagecodecs.jpeg2k_encode(square, level=0, mct=False, codecformat="j2k", planar=False)
    if compression == "webp":
        return imagecodecs.webp_encode(np.ascontiguousarray(samples), lossless=True)
    if compression == "ccitt":
        file = io.BytesIO()
        Image.fromarray(samples[..., 0].astype(bool)).save(file, "TIFF", compression="group4")
        file.seek(0)
        page = tifffile.TiffFile(file).pages[0]
        assert len(page.dataoffsets) == 1
        data = file.getvalue()[page.dataoffsets[0] :][: page.databytecounts[0]]
        return data if page.fillorder == 1 else bytes(imagecodecs.bitorder_decode(data))
    if bits in (8, 16, 32):
        data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    else:
        flat = samples.reshape(height, -1).astype(np.uint32)
        spread = (flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        data = np.packbits(spread.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    encode = {
        "none": bytes,
        "lzw": imagecodecs.lzw_encode,
        "deflate": imagecodecs.zlib_encode,
        "packbits": lambda raw: imagecodecs.packbits_encode(raw, axis=-1),
        "zstd": imagecodecs.zstd_encode,
        "lzma": imagecodecs.lzma_encode,
    }[compression]
    return bytes(encode(data))


def tiff(
    samples: np.ndarray,
    kind: str,
    bits: int,
    *,
    compression: str = "none",
    order: str = "<",
    big: bool = False,
    separate: bool = False,
    predictor: bool = False,
    tiles: bool = False,
    extra: tuple[int, ...] | None = (),
    more: dict[int, tuple[int, list]] | None = None,
) -> bytes:
    """A TIFF of one page.

    Args:
        samples: ``[height, width, channels]``, the extra channels last.
        kind: one of :data:`KINDS`.
        bits: of a sample.
        compression: one of :data:`CODES`.
        order: of the bytes, ``<`` or ``>``.
        big: BigTIFF.
        separate: planes one after the other.
        predictor: horizontal differences.
        tiles: of 16 px rather than strips of 10 rows.
        extra: the tag ExtraSamples; None: none.
        more: further tags, code → kind and values.
    """
    height, width, channels = samples.shape
    side = (16, 16) if tiles else (10, width)
    segments = []
    for planes in [[c] for c in range(channels)] if separate else [list(range(channels))]:
        for top, left in itertools.product(range(0, height, side[0]), range(0, width, side[1])):
            part = samples[top : top + side[0], left : left + side[1]][..., planes]
            if tiles:
                part = np.pad(
                    part, [(0, side[0] - part.shape[0]), (0, side[1] - part.shape[1]), (0, 0)], "edge"
                )
            if predictor:
                part = np.concatenate([part[:, :1], np.diff(part, axis=1)], axis=1)
            segments.append(compressed(part, compression, bits, order))
    kinds = {"u": 1, "i": 2, "f": 3}
    tags: dict[int, tuple[int, list]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * channels),
        259: (3, [CODES[compression]]),
        262: (3, [KINDS[kind]]),
        277: (3, [channels]),
        284: (3, [2 if separate else 1]),
        317: (3, [2 if predictor else 1]),
        339: (3, [kinds[samples.dtype.kind]] * channels),
        (324 if tiles else 273): (4, []),
        (325 if tiles else 279): (4, [len(segment) for segment in segments]),
    }
    tags |= {322: (3, [side[1]]), 323: (3, [side[0]])} if tiles else {278: (3, [side[0]])}
    tags |= {338: (3, list(extra))} if extra else {}
    return _packed(tags | (more or {}), segments, order, big=big)


def _packed(tags: dict[int, tuple[int, list]], segments: list[bytes], order: str, *, big: bool) -> bytes:
    """The header, the segments, the long values, and the directory."""
    word, inline = ("Q", 8) if big else ("I", 4)
    codes = {2: "B", 3: "H", 4: "I", 5: "I", 7: "B"}
    body = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42))
    body += struct.pack(order + "HH", 8, 0) if big else b""
    start = len(body)
    body += bytes(struct.calcsize(word))
    offsets = []
    for segment in segments:
        offsets.append(len(body))
        body += segment + bytes(len(segment) % 2)
    entries = b""
    for tag, (kind, listed) in sorted(tags.items()):
        values = offsets if tag in (273, 324) else listed
        packed = struct.pack(f"{order}{len(values)}{codes[kind]}", *values)
        count = len(values) // (2 if kind == 5 else 1)
        if len(packed) > inline:
            place = len(body)
            body += packed + bytes(len(packed) % 2)
            packed = struct.pack(order + word, place)
        entries += struct.pack(order + "HH" + word, tag, kind, count) + packed.ljust(inline, b"\0")
    struct.pack_into(order + word, body, start, len(body))
    count = len(tags)
    return bytes(body) + struct.pack(order + ("Q" if big else "H"), count) + entries + bytes(inline)


def pack_ycbcr(ycbcr: np.ndarray, across: int, down: int) -> bytes:
    """One strip of YCbCr in which ``across`` × ``down`` pixels share their colour; sides are multiples."""
    rows = math.ceil(len(ycbcr) / down)
    columns = math.ceil(ycbcr.shape[1] / across)
    light = ycbcr[..., 0].reshape(rows, down, columns, across).transpose(0, 2, 1, 3)
    return (
        np.concatenate([light.reshape(rows, columns, -1), ycbcr[::down, ::across, 1:]], axis=2)
        .astype(np.uint8)
        .tobytes()
    )
