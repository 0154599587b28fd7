"""Regions marked on a slide, read and written as GeoJSON of QuPath."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping

from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.files import atomic_write
from livergrade.io.visible import one_line
from livergrade.slides.geojson import read_features
from livergrade.slides.outlines import Area, NoAreaError, read_outline, sound
from livergrade.slides.proposed_at import KEYS, ProposedAt, proposed_at

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Region:
    """A marked region of a slide.

    Attributes:
        name: unique name on the slide, part of the image names: ``R03`` is feature 3 of its file.
        kind: its class, empty without one; the parts of a derived class are joined, ``Tumor: poor``.
        outline: polygon in slide pixels at full resolution; it may have holes and several parts.
        label: what the annotation is called, empty without a name.
        notes: what else its properties say in a few words, each with the name of the property: without a
            class of their own, other programs write the grade there.
        proposed_at: sizes of pixels that it was proposed at; None if a person drew it.
    """

    name: str
    kind: str
    outline: Area
    label: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    proposed_at: ProposedAt | None = None

    @property
    def title(self) -> str:
        """Which region it is, for messages."""
        return f"{self.name} {self.label!r}" if self.label else self.name


@dataclass(frozen=True)
class Marked:
    """What a file of regions holds.

    Attributes:
        regions: the annotations that have an area.
        other_objects: number of other objects by their type, ``cell`` or ``tile``, which are not regions.
        without_area: the annotations that have no area, a line each: which one, and why.
    """

    regions: list[Region]
    other_objects: dict[str, int]
    without_area: list[str]

    @property
    def left_out(self) -> str:
        """What is not cut, for messages; empty: nothing."""
        objects = [f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(self.other_objects.items())]
        more = len(self.without_area) - 20
        return "; ".join([*objects, *self.without_area[:20], *([f"{more} more"] if more > 0 else [])])


MOST_VERTICES = 2_000_000
"""Of all regions of a file. A region drawn by hand has hundreds."""
MOST_NAME = 200
"""Characters of a region's class, and of its name."""
MOST_NOTES = 200
"""Properties of a feature that are looked at for a grade."""
MOST_LINES = 200
"""Of a message about the features of one file."""

_TYPES = {
    "annotation": "annotation",
    "pathannotationobject": "annotation",
    "unknown": "annotation",
    "cell": "cell",
    "pathcellobject": "cell",
    "detection": "detection",
    "pathdetectionobject": "detection",
    "tile": "tile",
    "pathtileobject": "tile",
    "tmacore": "TMA core",
    "tma_core": "TMA core",
    "tmacoreobject": "TMA core",
    "root": "root",
    "pathrootobject": "root",
}
"""Types of objects in QuPath; its version 0.2 had them as ``id``."""
_CLASS_KEYS = ("classification", "classification.name", "classification_name", "class", "grade", "label")
"""Properties that say the class, the first that is there: QuPath's own, then those of other programs."""
_MAY_BE_CLASS = (*_CLASS_KEYS, "pathclass", "path_class")
_NO_NOTES = ("name", "objectType", "object_type", "type")


def read_regions(path: Path) -> Marked:
    """Read the annotations of a GeoJSON file that have an area; other objects of QuPath are counted.

    A feature that says no type, as those of other programs, is an annotation. Self-intersecting outlines are
    repaired.

    Raises:
        UserError: the file is no GeoJSON, too large or too intricate, or features are invalid; all are
            listed.
    """
    areas: list[tuple[Region, int]] = []
    others, without_area, broken = Counter[str](), list[str](), list[str]()
    for feature in read_features(path):
        where = feature.where
        try:
            properties = _properties(feature.content)
            if (object_type := _object_type(feature.content, properties)) != "annotation":
                others[object_type] += 1
                continue
            label = _text(properties.get("name"), "name")
            where += f" {label!r}" if label else ""
            kind, outline = _kind(properties), read_outline(feature.content["geometry"])
            of_file = label, _notes(properties, kind), proposed_at(properties)
            region = Region(f"R{feature.number:02d}", kind, outline, *of_file)
            areas.append((region, feature.number))
        except NoAreaError as reason:
            without_area.append(f"{where} {reason}")
        except Exception as error:  # a hostile feature raises many exception types
            reason_given = " ".join(str(error).split())[:300]
            broken.append(f"  {where}: {reason_given or type(error).__name__}")
    if broken:
        count = f"{len(broken)} feature{'s' * (len(broken) > 1)}"
        raise UserError(f"{path}: {count} can't be read:\n" + _listed(broken))
    if (vertices := sum(shapely.get_num_coordinates(region.outline) for region, _ in areas)) > MOST_VERTICES:
        raise UserError(f"{path}: its regions have {vertices} vertices; simplify them in QuPath")
    regions = []
    repaired = sound([region.outline for region, _ in areas], path)
    for (region, number), area in zip(areas, repaired, strict=True):
        if isinstance(area, Area) and not area.is_empty:
            regions.append(dataclasses.replace(region, outline=area))
        else:
            called = f" {region.label!r}" if region.label else ""
            without_area.append(f"feature {number}{called} encloses no area")
    return Marked(regions, dict(others), without_area)


def _properties(feature: Any) -> dict[str, Any]:  # noqa: ANN401
    """The properties of a feature, empty without any.

    Raises:
        ValueError: it is no feature.
    """
    if not isinstance(feature, dict) or "geometry" not in feature:
        raise ValueError("it is not a GeoJSON feature, since it has no geometry")
    properties = feature.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise ValueError("its properties are no names with values")
    return properties or {}


def _object_type(feature: dict[str, Any], properties: dict[str, Any]) -> str:
    """The type of a QuPath object; ``annotation`` if the feature says none."""
    stated = properties.get("objectType", properties.get("object_type"))
    if stated is not None:
        text = _text(stated, "objectType")
        return _TYPES.get(text.casefold(), text) if text else "annotation"
    for alias in (properties.get("type"), feature.get("id")):
        if isinstance(alias, str) and alias.casefold() in _TYPES:
            return _TYPES[alias.casefold()]
    return "annotation"


def _text(value: Any, what: str) -> str:  # noqa: ANN401
    """A short text on one line; empty for none.

    Raises:
        ValueError: it is something else, or no cell of a table may hold it.
    """
    if value is None:
        return ""
    if isinstance(value, list | dict | bool) or len(str(value)) > MOST_NAME:
        raise ValueError(f"its {what} is not a short text (at most {MOST_NAME} characters)")
    text = one_line(" ".join(str(value).split()))
    if problem := cell_problem(text):
        raise ValueError(f"its {what} {text!r} {problem}")
    return text


def _kind(properties: dict[str, Any]) -> str:
    """The class of a feature, empty without one; parts of a derived class are joined as QuPath shows them."""
    for key in _CLASS_KEYS:
        parts = [_text(part, "class") for part in _class_parts(properties.get(key))]
        if kind := _text(": ".join(part for part in parts if part), "class"):
            return kind
    return ""


def _notes(properties: dict[str, Any], kind: str) -> tuple[tuple[str, str], ...]:
    """Short texts among the properties and QuPath's ``metadata``, but for the name and the class."""
    metadata = properties.get("metadata")
    pairs = [*properties.items(), *(metadata.items() if isinstance(metadata, dict) else ())]
    notes = []
    for key, value in pairs[:MOST_NOTES]:
        if key not in (*_NO_NOTES, *KEYS):
            parts = _class_parts(value) if key.casefold() in _MAY_BE_CLASS else [value]
            text = ": ".join(" ".join(part.split()) for part in parts if isinstance(part, str))
            notes += [(one_line(key)[:60], text)] if 0 < len(text) <= MOST_NAME and text != kind else []
    return tuple(notes)


def _class_parts(stated: Any) -> list[Any]:  # noqa: ANN401
    """Names of a class: a text, a list of them, or an object of QuPath, which some programs write as text."""
    if isinstance(stated, str) and stated.lstrip()[:1] in ("{", "["):
        try:
            stated = json.loads(stated)
        except ValueError:
            return [stated]
    if isinstance(stated, dict):
        names = stated.get("names")
        own = names if names and isinstance(names, list) else [stated.get("name")]
        parent = stated.get("parentClass")
        return [*(_class_parts(parent) if isinstance(parent, dict) else []), *own]
    if isinstance(stated, list):
        return [
            part for item in stated for part in (_class_parts(item) if isinstance(item, dict) else [item])
        ]
    return [stated]


def write_regions(regions: Sequence[Region], path: Path) -> None:
    """Write regions as QuPath annotations."""
    features = [
        feature(region.outline, "annotation", region.kind, {}, name=region.label) for region in regions
    ]
    for made, region in zip(features, regions, strict=True):
        made["properties"] |= region.proposed_at.properties if region.proposed_at else {}
    write_features(features, path)


def feature(
    outline: Area,
    object_type: str,
    kind: str,
    measurements: dict[str, float],
    *,
    name: str = "",
    colour: tuple[int, int, int] | None = None,
) -> dict[str, Any]:
    """Make a GeoJSON feature of QuPath: ``annotation``, ``detection`` or ``tile``."""
    properties: dict[str, Any] = {"objectType": object_type}
    if name:
        properties["name"] = name
    if kind:
        properties["classification"] = {"name": kind} | ({"color": list(colour)} if colour else {})
    if measurements:
        properties["measurements"] = measurements
    return {"type": "Feature", "geometry": mapping(outline), "properties": properties}


def write_features(features: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a feature collection atomically."""
    with atomic_write(path) as part:
        part.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def clip_to_slide(regions: Sequence[Region], width: int, height: int, path: Path) -> list[Region]:
    """The parts of regions that lie on the slide; a warning names regions that reach beyond it.

    Args:
        regions: the regions.
        width: of the slide, pixels at full resolution.
        height: of the slide, pixels at full resolution.
        path: their file, for messages.

    Raises:
        UserError: regions lie outside of the slide; all are listed.
    """
    on_slide, outside, beyond = list[Region](), list[str](), list[str]()
    for region in regions:
        left, top, right, bottom = region.outline.bounds
        if left >= 0 and top >= 0 and right <= width and bottom <= height:
            on_slide.append(region)
            continue
        part = _areas_of(region.outline.intersection(shapely.box(0, 0, width, height)))
        if part.is_empty:
            outside.append(f"    {region.title}: x {left:g} to {right:g}, y {top:g} to {bottom:g}")
            continue
        if min(left, top, width - right, height - bottom) < -1:  # a pixel is rounding
            beyond.append(region.title)
        on_slide.append(dataclasses.replace(region, outline=part))
    if outside:
        raise UserError(
            f"{path}: regions are outside of the slide, which has {width} x {height} pixels; coordinates are "
            "pixels at full resolution, from the upper left corner:\n" + _listed(outside)
        )
    if beyond:
        log.warning("%s: only the part on the slide is cut of %s", path, ", ".join(beyond))
    return on_slide


def _listed(lines: list[str]) -> str:
    """The first lines of a message, and how many more there are."""
    more = len(lines) - MOST_LINES
    return "\n".join([*lines[:MOST_LINES], *([f"  and {more} more"] if more > 0 else [])])


def _areas_of(geometry: shapely.geometry.base.BaseGeometry) -> Area:
    """The polygons of a geometry; an empty one without any."""
    parts = [part for part in shapely.get_parts(geometry) if isinstance(part, shapely.Polygon) and part.area]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def grid(
    region: Region, width: float, height: float, rows: int, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Upper left corners of images placed evenly over a region, row by row.

    The first is at the upper left corner of the bounding box, the last at the lower right; a single row or
    column is in the middle. Images overlap if the region is smaller than all of them together.

    Args:
        region: the region.
        width: image width, pixels of the slide.
        height: image height, pixels of the slide.
        rows: number of rows of images.
        columns: number of columns of images.

    Returns:
        x and y, ``float64 [rows × columns]``.
    """
    left, top, right, bottom = region.outline.bounds

    def positions(first: float, last: float, side: float, count: int) -> NDArray[np.float64]:
        free = last - first - side
        return first + (np.linspace(0, free, count) if count > 1 else np.array([free / 2]))

    x, y = np.meshgrid(positions(left, right, width, columns), positions(top, bottom, height, rows))
    return x.ravel(), y.ravel()
