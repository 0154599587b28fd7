"""Features of a GeoJSON file, as QuPath and other programs write them: bounded, in one list."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livergrade.errors import UserError
from livergrade.io.regular_files import read_regular
from livergrade.slides.foreign_annotations import foreign_bytes, foreign_json

MOST_BYTES, MOST_FEATURES = 2**26, 100_000
"""Of a GeoJSON file, unpacked. A region drawn by hand has hundreds of vertices; all cells are no regions."""

_UNIT_KEYS = ("unit", "units", "coordinateunit", "coordinate_unit", "coordinateunits", "coordinate_units")
_MICROMETRES = (
    "um",
    "µm",
    "μm",
    "micron",
    "microns",
    "micrometer",
    "micrometers",
    "micrometre",
    "micrometres",
)
_UNITS = frozenset((*_MICROMETRES, "mm", "nm"))
DEEPEST = 20
"""Collections of features within collections."""

GEOMETRIES = frozenset(
    ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")
)
_OBJECTS = ("geometry", "properties")
_FIX = "export the regions alone, without detections"


@dataclass(frozen=True)
class Feature:
    """One feature of a file.

    Attributes:
        number: its place in the file, from 1; child objects of QuPath come after all others.
        content: as JSON has it; anything.
        parent: number of the feature that it is a child object of; None: of none.
    """

    number: int
    content: Any
    parent: int | None = None

    @property
    def where(self) -> str:
        """Which feature it is, for messages."""
        return f"feature {self.number}" + (f" (in feature {self.parent})" if self.parent else "")


def read_features(path: Path) -> list[Feature]:
    """Read the features of a GeoJSON file, or of one compressed by gzip.

    Taken are a feature collection, a list, one feature, a bare geometry, the hierarchy of QuPath, and a text
    that holds one of these, in UTF-8, UTF-16 or UTF-32. Child objects are listed, too.

    Raises:
        UserError: it is no GeoJSON, too large, or has too many features.
    """
    content = _json(path, _unpacked(path, read_regular(path, MOST_BYTES, fix=_FIX, links=True)))
    if foreign := foreign_json(content):
        raise UserError(f"{path}: {foreign}")
    _refuse_unit(path, content)
    if isinstance(content, dict):
        content = content.get("features", [content.get("root", content)])
    if not isinstance(content, list):
        raise UserError(f"{path}: holds no GeoJSON features; export the annotations from QuPath as GeoJSON")
    items = [item for part in content for item in _collected(part)]
    features = [Feature(number, _as_feature(item)) for number, item in enumerate(items, 1)]
    for feature in features:  # which grows by the children
        if len(features) > MOST_FEATURES:
            break
        features += [
            Feature(number, _as_feature(child), feature.number)
            for number, child in enumerate(_children(feature.content), len(features) + 1)
        ]
    if len(features) > MOST_FEATURES:
        raise UserError(f"{path}: holds {len(features)} features; {_FIX}")
    for feature in features:
        _refuse_unit(path, feature.content)
    return features


def _refuse_unit(path: Path, item: Any) -> None:  # noqa: ANN401
    """Refuse coordinates that are said to be no pixels.

    Raises:
        UserError: they are.
    """
    for part in (item, item.get("properties")) if isinstance(item, dict) else ():
        for key, unit in part.items() if isinstance(part, dict) else ():
            if key.casefold() in _UNIT_KEYS and isinstance(unit, str) and unit.strip().casefold() in _UNITS:
                raise UserError(
                    f"{path}: says that its coordinates are in {unit.strip()} ({key}); write them in pixels "
                    "of the slide at full resolution"
                )


def _unpacked(path: Path, content: bytes) -> bytes:
    """The content, decompressed if it is compressed by gzip; no more than is allowed."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as file:
            unpacked = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path}: can't be read as GeoJSON: its compression is damaged ({error}); write it again"
        ) from None
    if len(unpacked) > MOST_BYTES:
        raise UserError(f"{path}: unpacked, it has more than {MOST_BYTES:,} bytes; {_FIX}")
    return unpacked


def _json(path: Path, content: bytes) -> Any:  # noqa: ANN401 - whatever the file holds
    """What the bytes hold as JSON; a text that is JSON again, is decoded in the same way."""
    if foreign := foreign_bytes(content):
        raise UserError(f"{path}: {foreign}")
    try:
        encoding = json.detect_encoding(content)
        text = content.decode(encoding)
        read = json.loads(text)
        return json.loads(read) if isinstance(read, str) else read
    except UnicodeDecodeError as error:
        reason = f"it is not text in {error.encoding.upper()} (byte {error.start}); write it in UTF-8"
    except (ValueError, RecursionError, MemoryError) as error:
        reason = "a number has thousands of digits" if "digits" in str(error) else str(error)
        reason = "it holds several values, not one collection" if "Extra data" in reason else reason
        reason = "it is empty; export it again" if not content.strip() else reason or type(error).__name__
    raise UserError(f"{path}: can't be read as GeoJSON: {reason}")


def _collected(item: Any, depth: int = 0) -> list[Any]:  # noqa: ANN401
    """The features of a collection within a list, and of collections within it; all else alone."""
    item = _from_text(item)
    features = item.get("features") if isinstance(item, dict) else None
    if not isinstance(features, list) or depth == DEEPEST:
        return [item]
    return [feature for part in features for feature in _collected(part, depth + 1)]


def _as_feature(item: Any) -> Any:  # noqa: ANN401
    """A bare geometry as a feature; of a feature, what programs write as text is an object again."""
    item = _from_text(item)
    if not isinstance(item, dict):
        return item
    kind = item.get("type")
    if "geometry" not in item and isinstance(kind, str) and kind in GEOMETRIES:
        return {"geometry": item}
    return {key: _from_text(value) if key in _OBJECTS else value for key, value in item.items()}


def _from_text(item: Any) -> Any:  # noqa: ANN401
    """The object that a text holds as JSON; all else as it is."""
    if not isinstance(item, str) or not item.lstrip().startswith("{"):
        return item
    try:
        return json.loads(item)
    except (ValueError, RecursionError, MemoryError):
        return item


def _children(item: Any) -> Iterator[Any]:  # noqa: ANN401
    properties = item.get("properties") if isinstance(item, dict) else None
    if isinstance(properties, dict):
        for name in ("childObjects", "children"):
            children = properties.get(name)
            yield from children if isinstance(children, list) else ()
