"""Convert an image to sRGB by the colour profile that it carries.

The intent is relative colorimetric: the white of the profile, the empty slide, becomes white, and every
colour that sRGB has is kept as it was measured. Colours that it lacks go to its edge. The perceptual intent
would shift all colours, by tables that the profiles of scanners and cameras mostly lack.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageCms

from livergrade.io.icc_profile import MOST_BYTES, is_srgb

SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode of the pixels that a profile is for."""
GAMMA, CLOSE_GAMMA = 1 / 2.2, 0.01
"""What a PNG states about sRGB in a chunk gAMA."""
CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
"""White, red, green and blue of sRGB, as a PNG tells them in a chunk cHRM."""
CLOSE_CHROMATICITY = 0.003


class ColourError(Exception):
    """The image can't be converted to sRGB; the message gives the reason."""


def other_colours(info: Mapping[Any, Any]) -> str | None:
    """What an image says of its colours that is not sRGB: ``profile`` or ``gamma``; None: nothing.

    An ICC profile counts before the rest, a PNG's chunk sRGB before gAMA and cHRM. An image that says nothing
    is taken as sRGB.

    Args:
        info: what Pillow found in its header.
    """
    if profile := info.get("icc_profile"):
        return None if is_srgb(profile) else "profile"
    if "srgb" in info:
        return None
    gamma, corners = info.get("gamma", GAMMA), info.get("chromaticity", CHROMATICITIES)
    usual = abs(gamma - GAMMA) < CLOSE_GAMMA and all(
        abs(one - other) < CLOSE_CHROMATICITY for one, other in zip(corners, CHROMATICITIES, strict=True)
    )
    return None if usual else "gamma"


def to_srgb(image: Image.Image, info: Mapping[Any, Any]) -> Image.Image:
    """Convert an image by its profile; one that says nothing else than sRGB is returned as it is.

    Args:
        image: 8 bits a channel, of any of Pillow's modes; transparency is kept.
        info: what Pillow found in its header.

    Returns:
        RGB or RGBA where it was converted.

    Raises:
        ColourError: the profile is broken, or is for pixels of another kind; or a PNG tells its colours by
            gAMA and cHRM.
    """
    kind = other_colours(info)
    if kind is None or image.mode == "LAB":  # which are no colours of a device
        return image
    if kind == "gamma":
        raise ColourError(
            "describes its colours by gAMA or cHRM, which are not applied; save it with a profile"
        )
    if image.mode in ("P", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in ("1", "YCbCr"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    converted = ImageCms.applyTransform(colours, _transform(info["icc_profile"], colours.mode))
    assert converted is not None
    if alpha:
        converted.putalpha(alpha)
    return converted


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """The way from a profile's colours to sRGB.

    Raises:
        ColourError: there is none.
    """
    if len(profile) > MOST_BYTES:
        raise ColourError(f"has a colour profile of {len(profile) / 1e6:.0f} MB; save it without")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(source.profile.xcolor_space)
        if SPACES.get(space) == mode:
            target = ImageCms.createProfile("sRGB")
            intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
            return ImageCms.buildTransform(source, target, mode, "RGB", intent)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        raise ColourError(
            "has a broken colour profile; save it with a sound one, or without if its colours are sRGB"
        ) from None
    raise ColourError(
        f"has a colour profile for {space.strip()} pixels, and its own are {mode}; save it with one that fits"
    )
