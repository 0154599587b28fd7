"""How the samples of an image file are read: what its user says where the file itself does not."""

from __future__ import annotations

from dataclasses import dataclass

READER = 4
"""Version of how image files are read: increased when pixels change, or other files are refused."""


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
        """Text that is the same for two readings exactly if they give the same pixels, or refuse the file.

        What was read or checked before is known by it.
        """
        return f"{READER} {self!r}"


AS_FILED = PixelReading()
"""Nothing is known but what the files say."""
