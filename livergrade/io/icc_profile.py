"""Tell whether an ICC profile is sRGB, from its bytes alone.

Profiles are asked about in every image, also where they are not applied: no colour management reads them
then, only these few numbers.
"""

from __future__ import annotations

import functools
import struct

import numpy as np
from numpy.typing import NDArray

PRIMARIES = {
    "rXYZ": (0.4360, 0.2225, 0.0139),
    "gXYZ": (0.3851, 0.7169, 0.0971),
    "bXYZ": (0.1431, 0.0606, 0.7141),
}
"""Of sRGB, adapted to D50 as profiles have it (IEC 61966-2-1, ICC.1)."""
CLOSE_PRIMARY, CLOSE_LEVEL = 0.003, 2 / 255
"""Largest difference of a primary, and of a level after the curve, from those of sRGB."""
MOST_BYTES = 2**24
"""Of a profile; those of printers have up to some MB."""
MOST_TAGS = 100
POINTS = 33

_LEVELS = np.linspace(0, 1, POINTS)


@functools.lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    """Whether a profile means the colours, or the greys, of sRGB; not if it can't be read."""
    try:
        tags = _tags(profile)
        if any(name.startswith(("A2B", "D2B")) for name in tags):
            return False  # a table of colours, which counts before the curves
        space = profile[16:20]
        if space == b"GRAY":
            return _is_srgb_curve(tags["kTRC"])
        return space == b"RGB " and all(
            _is_primary(tags[name], PRIMARIES[name]) and _is_srgb_curve(tags[f"{name[0]}TRC"])
            for name in PRIMARIES
        )
    except (KeyError, ValueError, struct.error):
        return False


def _tags(profile: bytes) -> dict[str, bytes]:
    """Content of each tag by its signature.

    Raises:
        ValueError: this is no profile.
        struct.error: it is cut short.
    """
    if not 132 <= len(profile) <= MOST_BYTES or profile[36:40] != b"acsp":
        raise ValueError("no profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > MOST_TAGS:
        raise ValueError("too many tags")
    found = (struct.unpack_from(">4sII", profile, 132 + 12 * number) for number in range(count))
    return {name.decode("latin-1"): profile[start : start + size] for name, start, size in found}


def _is_primary(tag: bytes, expected: tuple[float, ...]) -> bool:
    if tag[:4] != b"XYZ ":
        return False
    return bool(np.abs(np.subtract(_fixed(tag, 8, 3), expected)).max() < CLOSE_PRIMARY)


def _is_srgb_curve(tag: bytes) -> bool:
    """Whether a curve, from levels to light, is that of sRGB: back by sRGB's own, the levels are the same."""
    with np.errstate(all="ignore"):
        light = (_parametric(tag) if tag[:4] == b"para" else _sampled(tag)).clip(0, 1)
        levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return bool((np.abs(levels - _LEVELS) < CLOSE_LEVEL).all())


def _sampled(tag: bytes) -> NDArray[np.float64]:
    """A curve of so many values, of one exponent, or none, at :data:`_LEVELS`."""
    if tag[:4] != b"curv":
        raise ValueError("no curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    values = np.frombuffer(tag[12 : 12 + 2 * count], ">u2").astype(np.float64)
    if len(values) != count:
        raise ValueError("cut short")
    if count < 2:
        power: NDArray[np.float64] = _LEVELS ** (values[0] / 256 if count else 1.0)
        return power
    return np.interp(_LEVELS, np.linspace(0, 1, count), values / 65535)


def _parametric(tag: bytes) -> NDArray[np.float64]:
    """A curve of parameters, of the five kinds of ICC.1 (10.18), at :data:`_LEVELS`."""
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind > 4:
        raise ValueError("no kind of curve")
    given = _fixed(tag, 12, (1, 3, 4, 5, 7)[kind])
    g, a, b, c, d, e, f = 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if kind == 0:
        (g,) = given
    elif kind < 3:  # the power begins where its base is 0
        g, a, b = given[:3]
        d, e = (-b / a if a else 0.0), (given[3] if kind == 2 else 0.0)
        f = e
    elif kind == 3:
        g, a, b, c, d = given
    else:
        g, a, b, c, d, e, f = given
    curve: NDArray[np.float64] = np.where(d <= _LEVELS, (a * _LEVELS + b) ** g + e, c * _LEVELS + f)
    return curve


def _fixed(tag: bytes, start: int, count: int) -> list[float]:
    """Numbers of 16 bits before and 16 after the point."""
    return [number / 65536 for number in struct.unpack_from(f">{count}i", tag, start)]
