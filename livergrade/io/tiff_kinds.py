"""Say what kind of TIFF a file is, and refuse the kinds that hold no picture or leave open which."""

from __future__ import annotations

import json
import re
from typing import Any

from livergrade.io.image_error import ImageError

Page = Any
"""A page as tifffile has it, which is not typed."""

WHITE_ZERO, BLACK_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB, ICCLAB, ITULAB = 0, 1, 2, 3, 5, 6, 8, 9, 10
COLOURS = {
    WHITE_ZERO: ("grey", 1),
    BLACK_ZERO: ("grey", 1),
    RGB: ("RGB", 3),
    PALETTE: ("palette", 1),
    CMYK: ("CMYK", 4),
    YCBCR: ("YCbCr", 3),
    CIELAB: ("CIELAB", 3),
    ICCLAB: ("ICCLAB", 3),
    ITULAB: ("ITULAB", 3),
}
"""What the samples of a pixel mean, and their number, by the tag PhotometricInterpretation."""
OTHER_COLOURS = {
    4: "a mask of transparency",
    32803: "the raw values of a camera's sensor",
    34892: "the raw values of a camera",
    32844: "the logarithm of the luminance",
    32845: "the logarithm of the luminance",
    51177: "distances",
}
JPEG, APERIO_YCBCR = 7, 33003
JPEG_2000 = (33003, 33004, 33005, 34712)
COMPRESSIONS = (1, 2, 3, 4, 5, JPEG, 8, 32773, 32946, *JPEG_2000, 34925, 50000, 50001)
"""That are read: none, CCITT, LZW, JPEG, deflate, PackBits, JPEG 2000, LZMA, Zstandard and WebP."""
CCITT = (2, 3, 4)
FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
"""Kinds of samples that are no grey levels, by the tag SampleFormat; 1 is unsigned, 4 is undefined."""
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
FIX = "save it as RGB of 8 bits"


def refuse_kind(page: Page) -> None:
    """Refuse a page that is no picture of grey levels or colours, or not one that can be decoded here.

    Raises:
        ImageError: says what the file is, and what to do.
    """
    if not page.imagewidth or not page.imagelength:
        raise ImageError("is a TIFF that does not say its width and height; save it again")
    if 262 not in page.tags:
        raise ImageError("is a TIFF that does not say what its values mean (no tag 262); save it again")
    for check in (_samples, _compression, _colours, _extra, _pictures):
        if problem := check(page):
            raise ImageError(f"is a TIFF {problem}")


def alpha(page: Page) -> tuple[int, bool] | None:
    """Channel that is the transparency, and whether colours are multiplied by it; None: there is none."""
    colours = COLOURS[int(page.photometric)][1]
    for place, kind in enumerate(_extra_samples(page)):
        if kind in (ASSOCIATED, UNASSOCIATED):
            return colours + place, kind == ASSOCIATED
    return None


def has_unnamed(page: Page) -> bool:
    """Whether the page has one more channel than colours, and does not say what it is."""
    return 338 not in page.tags and page.samplesperpixel == COLOURS[int(page.photometric)][1] + 1


def stated_bits(page: Page) -> int | None:
    """How many of its 16 bits a file says that it uses, 8 to 15; None: it does not say."""
    for tag in (281, 341):  # MaxSampleValue, SMaxSampleValue
        value = page.tags.valueof(tag)
        most = max(value) if isinstance(value, tuple) and value else value
        if isinstance(most, int) and 8 <= (bits := most.bit_length()) < 16:
            return bits if most == 2**bits - 1 else None
    if page.is_ome and (found := re.search(r'SignificantBits="(\d{1,2})"', str(page.description))):
        return int(found[1]) if 8 <= int(found[1]) < 16 else None
    noted = page.tags.valueof(51123)  # of Micro-Manager
    depth = noted.get("BitDepth") if isinstance(noted, dict) else None
    return depth if isinstance(depth, int) and 8 <= depth < 16 else None


def _compression(page: Page) -> str | None:
    code = int(page.compression)
    name = str(getattr(page.compression, "name", code))
    if code not in COMPRESSIONS:
        return f"compressed with {name} (compression {code}), which is not read; {FIX}"
    if code == JPEG and int(page.photometric) not in (WHITE_ZERO, BLACK_ZERO, RGB, CMYK, YCBCR):
        return f"whose {_meaning(page)} values are compressed as JPEG; {FIX}"
    if code in JPEG_2000 and code != APERIO_YCBCR and int(page.photometric) == YCBCR:
        return f"whose YCbCr values are compressed as JPEG 2000; {FIX}"
    if code in CCITT and page.bitspersample != 1:
        return f"of {page.bitspersample} bits in a compression of 1 bit ({name}); {FIX}"
    predictor = int(page.predictor)
    if predictor != 1 and page.bitspersample not in (8, 16):
        return f"of {_bits(page)} with a predictor ({predictor}), which no standard defines; {FIX}"
    if predictor not in (1, 2):
        return f"with the predictor {predictor}, which is of floating-point values; {FIX}"
    return None


def _samples(page: Page) -> str | None:
    formats = page.sampleformat if isinstance(page.sampleformat, tuple) else (page.sampleformat,)
    signed_lab = int(page.photometric) == CIELAB and set(formats) <= {1, 2}
    if names := [FORMATS[int(form)] for form in formats if int(form) in FORMATS]:
        if not signed_lab:
            return f"with {names[0]} values of {_bits(page)}; {FIX}"
        return None
    if isinstance(page.bitspersample, tuple):
        return f"whose channels have {_bits(page)}; {FIX}"
    if not 1 <= page.bitspersample <= 16:
        return f"with whole numbers of {page.bitspersample} bits; save it with 8 or 16"
    return None


def _colours(page: Page) -> str | None:
    kind = int(page.photometric)
    if kind not in COLOURS:
        return f"that holds {OTHER_COLOURS.get(kind, f'values of an unknown meaning ({kind})')}; {FIX}"
    name, channels = COLOURS[kind]
    if page.samplesperpixel < channels:
        return f"of {name} with {page.samplesperpixel} channels, and needs {channels}; save it again"
    if kind == CMYK and page.tags.valueof(332, 1) != 1:
        return f"of other inks than CMYK; {FIX}"
    depths = {YCBCR: (8,), ITULAB: (8,), CIELAB: (8, 16), ICCLAB: (8, 16)}.get(kind)
    if depths and page.bitspersample not in depths:
        return f"of {name} with {_bits(page)}; {FIX}"
    if kind == PALETTE and (page.colormap is None or page.colormap.shape != (3, 2**page.bitspersample)):
        return f"whose palette is missing or not of {_bits(page)}; save it again"
    return None


def _extra(page: Page) -> str | None:
    kind = int(page.photometric)
    name, channels = COLOURS[kind]
    more = page.samplesperpixel - channels
    if not more:
        return None
    kinds = _extra_samples(page)
    if name == "grey" and more > 1:
        return f"of {page.samplesperpixel} grey channels; save the picture that is meant as RGB"
    if kind in (CMYK, PALETTE, YCBCR, CIELAB, ICCLAB, ITULAB) and any(kinds):
        return f"of {name} with transparency; flatten it"
    if more != len(kinds) and not has_unnamed(page):
        return f"with {more} channels beside {name} that it does not name; {FIX}"
    if any(value not in (UNSPECIFIED, ASSOCIATED, UNASSOCIATED) for value in kinds):
        return f"with channels of an unknown kind (ExtraSamples {kinds}); {FIX}"
    if sum(value != UNSPECIFIED for value in kinds) > 1:
        return f"with two channels of transparency; {FIX}"
    return None


def _pictures(page: Page) -> str | None:
    """The reason why a page of one image holds several, or is not the file's picture."""
    if page.imagedepth > 1:
        return f"of {page.imagedepth} layers in depth; save each image in a file of its own"
    if int(page.subfiletype) & 5 and (330 in page.tags or len(page.parent.pages) > 1):
        return "whose first page is a smaller copy or a mask of another; save the picture alone"
    text = str(page.description)
    pixels = page.imagewidth * page.imagelength * page.samplesperpixel
    number, kind = 1, ""
    if page.is_imagej and (found := re.search(r"^images=(\d{1,9})\s*$", text, re.MULTILINE)):
        number, kind = int(found[1]), "ImageJ"
    elif page.is_ome:
        axes = [re.search(rf'\bSize{axis}="(\d{{1,9}})"', text) for axis in "ZCT"]
        planes = 1
        for axis in axes:
            planes *= int(axis[1]) if axis else 1
        images = len(re.findall(r"<(?:\w+:)?Image\b", text))
        number, kind = max(images, planes // max(1, page.samplesperpixel)), "OME"
    elif page.is_shaped:
        number, kind = _shaped(text) // pixels, "tifffile"
    elif page.is_stk:
        number, kind = int(getattr(page.tags.get(33629), "count", 1)), "MetaMorph"
    return f"of {number} images ({kind}); save each image in a file of its own" if number > 1 else None


def _shaped(text: str) -> int:
    """Values that tifffile's description counts, of all images together."""
    try:
        shape = json.loads(text)["shape"]
        values = 1
        for side in shape:
            values *= int(side)
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0
    return values


def _extra_samples(page: Page) -> tuple[int, ...]:
    return tuple(int(kind) for kind in page.extrasamples or ())


def _meaning(page: Page) -> str:
    return COLOURS.get(int(page.photometric), ("other",))[0]


def _bits(page: Page) -> str:
    bits = page.bitspersample
    return f"{', '.join(map(str, bits)) if isinstance(bits, tuple) else bits} bit{'s' * (bits != 1)}"
