"""At which sizes of pixels a region was proposed: its file says so, and it is not cut at others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livergrade.errors import UserError
from livergrade.io.pixel_size import read_mpp

KEYS = ("livergrade_mpp", "livergrade_slide_mpp")
"""Names in QuPath's ``metadata``, which QuPath from 0.5 on keeps when a region is moved and exported."""
_NEAR = 1e-3
"""Relative difference up to which two sizes are one, as a file holds them rounded."""


@dataclass(frozen=True)
class ProposedAt:
    """Sizes of pixels that the size of a proposed region was computed from.

    Attributes:
        mpp: of the images that are cut from it, µm.
        slide_mpp: of the slide at full resolution, µm.
    """

    mpp: float
    slide_mpp: float

    @property
    def properties(self) -> dict[str, Any]:
        """The sizes as properties of a feature: QuPath's metadata are text."""
        return {"metadata": dict(zip(KEYS, (f"{self.mpp:.9g}", f"{self.slide_mpp:.9g}"), strict=True))}


def proposed_at(properties: Mapping[str, Any]) -> ProposedAt | None:
    """The sizes in the properties of a region; None if it was not proposed, or by an earlier version.

    Raises:
        ValueError: one of them is no size of pixels, or missing beside the other.
    """
    metadata = properties.get("metadata")
    if not isinstance(metadata, dict):
        return None
    found = dict[str, float]()
    for key in KEYS:
        try:
            size = read_mpp(str(metadata.get(key, "")))
        except ValueError as error:
            raise ValueError(f"metadata {key}: {error}") from None
        if size:
            found[key] = size
    if not found:
        return None
    if missing := [key for key in KEYS if key not in found]:
        raise ValueError(
            f"metadata has no {missing[0]}, but the other size of a proposed region; put it back, or propose "
            "again"
        )
    return ProposedAt(*found.values())


def refuse_other_sizes(
    proposed: Mapping[str, ProposedAt | None], mpp: float, slide_mpp: float, file: Path
) -> None:
    """Refuse to cut regions at other sizes of pixels than they were proposed at.

    Args:
        proposed: name of each region of a slide → its sizes; one that a person drew has none and fits any.
        mpp: of the images, µm.
        slide_mpp: of the slide, µm.
        file: that of the regions, for the message.

    Raises:
        UserError: there are any; what to do is said of each size.
    """
    problems: dict[str, list[str]] = {}
    for name, before in proposed.items():
        if before is None:
            continue
        if not math.isclose(before.mpp, mpp, rel_tol=_NEAR):
            what = f"for images of {before.mpp:g} µm per pixel, and mpp is {mpp:g}: type mpp={before.mpp:g}"
            problems.setdefault(what, []).append(name)
        if not math.isclose(before.slide_mpp, slide_mpp, rel_tol=_NEAR):
            what = (
                f"on a slide of {before.slide_mpp:g} µm per pixel, which now has {slide_mpp:g}: correct mpp "
                "in the table, or slide_mpp"
            )
            problems.setdefault(what, []).append(name)
    if problems:
        told = "; ".join(
            f"{', '.join([*names[:5], *['…'] * (len(names) > 5)])} proposed {what}"
            for what, names in problems.items()
        )
        raise UserError(
            f"{file}: is not cut, since its regions were made for other sizes of pixels: {told}. Or propose "
            "again into another folder"
        )
