"""Annotations of other programs, known by what their files hold: which program wrote a file of regions."""

from __future__ import annotations

import re
from typing import Any

CONVERT = "open the slide in QuPath, draw or import the regions there, and export them as GeoJSON"
"""What to do with them, for messages."""

SUFFIXES = (
    ".xml",
    ".annotations",
    ".ndpa",
    ".qpdata",
    ".zip",
    ".roi",
    ".svg",
    ".afi",
    ".sde",
    ".csv",
    ".txt",
)
"""Endings of files with annotations that are not read."""

_BINARY = (
    (b"PK\x03\x04", "a ZIP archive; unpack it, and give the GeoJSON file within"),
    (b"\xac\xed", "a data file of QuPath; in QuPath, export the objects as GeoJSON"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself; fetch that with git lfs pull"),
    (b"Iout", f"an ImageJ region; {CONVERT}"),
    (b"\x89PNG", "a picture (PNG), not GeoJSON"),
    (b"II*\0", "a picture (TIFF), not GeoJSON"),
    (b"MM\0*", "a picture (TIFF), not GeoJSON"),
    (b"%PDF", "a PDF file, not GeoJSON"),
)
_XML = (
    ("<ASAP_Annotations", "ASAP (XML)"),
    ("<ndpviewstate", "Hamamatsu NDP.view (.ndpa, XML)"),
    ("MicronsPerPixel", "Aperio ImageScope (XML)"),
    ("<Vertex", "Aperio ImageScope (XML)"),
    ("<V ", "Halo (.annotations, XML)"),
    ("<Annotation", "Halo or Aperio ImageScope (XML)"),
    ("<svg", "a drawing program (SVG)"),
    ("<OME", "OME (XML)"),
    ("<session", "Sedeen (XML)"),
    ("<", "another program (XML or HTML)"),
)
_JSON = (
    ({"annotations", "schema_ref"}, "Darwin of V7 (JSON)"),
    ({"annotations", "item"}, "Darwin of V7 (JSON)"),
    ({"annotations", "dataset", "image"}, "Darwin of V7 (JSON)"),
    ({"annotations", "categories"}, "COCO (JSON)"),
    ({"shapes"}, "LabelMe (JSON)"),
    ({"_via_img_metadata"}, "the VGG Image Annotator (JSON)"),
    ({"regions", "filename"}, "the VGG Image Annotator (JSON)"),
    ({"annotations", "data"}, "Label Studio (JSON)"),
    ({"completions"}, "Label Studio (JSON)"),
    ({"elements"}, "the Digital Slide Archive (JSON)"),
    ({"annotation"}, "the Digital Slide Archive (JSON)"),
    ({"objects", "size"}, "Supervisely (JSON)"),
    ({"arcs", "objects"}, "TopoJSON"),
    ({"nuc"}, "HoVer-Net (JSON)"),
    ({"annotations"}, "another program (JSON)"),
)


def foreign_bytes(content: bytes) -> str | None:
    """What a file is that is no JSON, by its first bytes, and what to do; None if it may be JSON."""
    for start, what in _BINARY:
        if content.startswith(start):
            return f"is {what}"
    text = re.sub(rb"[\0\xff\xfe\xef\xbb\xbf]", b"", content[:20_000]).decode("latin-1").lstrip()
    if not text.startswith("<"):
        return None
    program = next(program for mark, program in _XML if mark in text)
    return f"holds annotations of {program}, not GeoJSON; {CONVERT}"


def foreign_json(content: Any) -> str | None:  # noqa: ANN401 - whatever JSON holds
    """Whose annotations a JSON file holds, and what to do; None if it may be GeoJSON."""
    for item in content[:1] if isinstance(content, list) else [content]:
        if isinstance(item, dict) and not {"type", "geometry", "features"} & set(item) - _also_typed(item):
            for keys, program in _JSON:
                if keys <= set(item):
                    return f"holds annotations of {program}, not GeoJSON; {CONVERT}"
    return None


def _also_typed(item: dict[str, Any]) -> set[str]:
    """``type`` of an object that is no GeoJSON: ``Topology``."""
    return {"type"} if item.get("type") == "Topology" else set()
