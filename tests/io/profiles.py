"""ICC profiles of a matrix and a curve, as scanners and cameras have them, for tests."""

from __future__ import annotations

import struct

DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
D50 = (0.96420, 1.0, 0.82491)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def xyz(*numbers: float) -> bytes:
    return b"XYZ \0\0\0\0" + fixed(*numbers)


def parametric(*numbers: float) -> bytes:
    kind = {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(numbers)]
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(*numbers)


def sampled(*values: int) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def profile(tags: dict[str, bytes], space: str = "RGB ", *, kind: str = "mntr") -> bytes:
    """A profile with these tags, and those that every one must have."""
    text = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2, 28) + b"\0t"
    tags = {"desc": text, "cprt": text, "wtpt": xyz(*D50)} | tags
    table, data, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name.encode(), start + len(data), len(content))
        data += content + b"\0" * (-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s",
        start + len(data),
        b"lcms",
        0x04300000,
        *(word.encode() for word in (kind, space, "XYZ ")),
    )
    header += struct.pack(">6H4s4sIIIQI", 2026, 1, 1, 0, 0, 0, b"acsp", b"APPL", 0, 0, 0, 0, 1)
    header += fixed(*D50) + b"lcms" + b"\0" * 44
    return header + struct.pack(">I", len(tags)) + table + data


def rgb(
    primaries: tuple[tuple[float, float, float], ...] = SRGB, curve: bytes = parametric(*SRGB_CURVE)
) -> bytes:
    """A profile of three primaries, adapted to D50, and one curve."""
    tags = {f"{name}XYZ": xyz(*corner) for name, corner in zip("rgb", primaries, strict=True)}
    return profile(tags | {f"{name}TRC": curve for name in "rgb"})


def grey(curve: bytes = parametric(*SRGB_CURVE)) -> bytes:
    return profile({"kTRC": curve}, "GRAY")
