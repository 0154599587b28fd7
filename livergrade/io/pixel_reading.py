"""How the samples of an image file are read: what its user says where the file itself does not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PixelReading:
    """What decides, beside the file's bytes, which RGB values a file gives.

    Attributes:
        bits: bits that the samples of a 16-bit image really use, where the file does not say; None: all 16.
        icc: what is done with a colour profile other than sRGB: ``ignore`` or ``apply``.
    """

    bits: int | None = None
    icc: str = "ignore"

    def key(self) -> str:
        """Text that is the same for two readings exactly if they give the same pixels; part of cache keys."""
        return "" if self == PixelReading() else repr(self)


AS_FILED = PixelReading()
"""Nothing is known but what the files say."""
