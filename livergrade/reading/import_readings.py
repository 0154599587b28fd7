"""Take over readings that were made with another program: a table, or annotations of QuPath."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from livergrade.config.schema import ReviewConfig
from livergrade.errors import UserError
from livergrade.io.inside import Inside, OutsideError
from livergrade.io.slide_reader import require
from livergrade.io.visible import one_line, shown
from livergrade.reading.ratings import in_time
from livergrade.reading.readings import COLUMNS, MODES, name_problem, read_readings

log = logging.getLogger(__name__)

_ENDINGS = (".geojson.gz", ".json.gz", ".geojson", ".json")
_IGNORED = "ignore"
"""Start of the classes of QuPath whose annotations are no answer."""

Rows = list[dict[str, Any]]


def import_readings(
    config: ReviewConfig, images: Sequence[Mapping[str, str]], classes: Sequence[str]
) -> tuple[Rows, dict[str, list[int]]]:
    """Read readings, and find the image of each among those of the review.

    Args:
        config: the options; ``readings`` is a table, or a folder with a folder of GeoJSON for each reader.
        images: cells of the images, in the order of their numbers.
        classes: the grades, worst to best.

    Returns:
        Readings as `livergrade.reading.store.Store.readings` has them; and of each reader the numbers of the
        images in the order in which they were read.

    Raises:
        UserError: readings can't be used; all are listed.
    """
    path, find = Path(config.readings or ""), _Images(images)
    if path.is_dir():
        table, problems = _of_qupath(path, classes, outside=bool(config.data and config.data.outside))
        where = table.pop("where").tolist()
        problems += [f"  {where[row]}: {problem}" for row, problem in find.problems(table)]
        if problems:
            raise UserError(f"readings={path}: these readings can't be used:\n" + "\n".join(problems))
    else:
        table = read_readings(path, classes, vars(config.columns), find.problems)
    found = [find(image, sha256)[0] for image, sha256 in zip(table["image"], table["sha256"], strict=True)]
    return _stored(table.assign(number=found))


def _stored(table: pd.DataFrame) -> tuple[Rows, dict[str, list[int]]]:
    """Readings as rows of the database, and the order of each reader."""
    if undone := int(table["undone"].sum()):
        log.info("%d readings that were taken back are not taken over", undone)
    rows, orders = Rows(), dict[str, list[int]]()
    for reader, own in table[~table["undone"]].groupby("reader", sort=False):
        for row in in_time(own).to_dict("records"):
            order = orders.setdefault(str(reader), [])
            told = [reader, len(order), row["number"], row["grade"], row["excluded"], row["time"]]
            values = {
                "id": hashlib.sha256(repr(told).encode("utf-8", "replace")).hexdigest()[:32],
                "reader": str(reader),
                "place": len(order),
                "image": row["number"],
                "grade": row["grade"] or None,
                "excluded": row["excluded"] or None,
                "confidence": None if math.isnan(row["confidence"]) else int(row["confidence"]),
                "seconds": None if math.isnan(row["seconds"]) else row["seconds"],
                "comment": row["comment"],
                "mode": "read",
                "time": row["time"],
                "undone": False,
            }
            rows.append(values)
            order.append(row["number"])
    return rows, orders


class _Images:
    """Finds an image of the review by its content, its name, or the part of its name that is only its own."""

    def __init__(self, images: Sequence[Mapping[str, str]]) -> None:
        self._content: dict[str, list[int]] = {}
        self._names: dict[str, set[int]] = {}
        for number, cells in enumerate(images):
            path = Path(cells["image"])
            self._content.setdefault(cells["sha256"], []).append(number)
            for name in {cells["image"], path.name, path.stem}:
                self._names.setdefault(name, set()).add(number)

    def problems(self, cells: pd.DataFrame) -> list[tuple[int, str]]:
        """What is wrong with readings beside their cells: numbers of rows from 0, each with the reason."""
        found = []
        for at, row in enumerate(cells.to_dict("records")):
            _, problem = self(row["image"], row["sha256"])
            if problem and row["image"]:
                found.append((at, f"image {shown(row['image'], 80)!r} {problem}"))
            if row["mode"] in MODES[1:]:
                found.append((at, f"mode {row['mode']}: only readings of mode read are taken over"))
            if row["reader"] and (problem := name_problem(row["reader"])):
                found.append((at, f"reader {problem}"))
        return found

    def __call__(self, name: str, sha256: str) -> tuple[int, str]:
        """The image's number, and what is wrong, or blank."""
        found = self._names.get(name) or self._names.get(Path(name.replace("\\", "/")).name, set())
        if sha256:
            same = self._content.get(sha256, [])
            own = [number for number in same if number in found]  # of copies, the one of that name
            return ([*own, *same][0], "") if same else (-1, "is of another content (sha256) than all images")
        if len(found) == 1:
            return next(iter(found)), ""
        return -1, "fits several images; write the name with its folder" if found else "is none of the images"


def _of_qupath(folder: Path, classes: Sequence[str], *, outside: bool) -> tuple[pd.DataFrame, list[str]]:
    """A reading for each file ``<reader>/<image>.geojson``, by the class of its annotations, and mistakes.

    Args:
        folder: of the folders of the readers.
        classes: the grades, worst to best.
        outside: whether links in the folder may lead out of it.

    Raises:
        UserError: no file of a reader is there.
    """
    require()
    rows, problems, below = list[dict[str, Any]](), _elsewhere(folder), Inside(folder, outside=outside)
    for own in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[:1] != "."):
        for path in sorted(own.iterdir()):
            ending = next((ending for ending in _ENDINGS if path.name.lower().endswith(ending)), None)
            if ending is None or path.name.startswith("."):
                continue
            try:
                grade, problem = _grade_of(below.path(f"{own.name}/{path.name}"), classes)
            except OutsideError as error:
                grade, problem = "", f"{one_line(path)}: {error}"
            if problem:
                problems.append(f"  {problem}")
            image = path.name[: -len(ending)]
            rows.append({"reader": own.name, "image": image, "grade": grade, "where": one_line(path)})
    if not rows:
        raise UserError(
            f"readings={folder}: holds no reading; it needs a folder for each reader, named as the reader, "
            "with <image>.geojson of QuPath in it"
        )
    table = pd.DataFrame(rows).reindex(columns=[*COLUMNS, "where"], fill_value="")
    numbers = dict.fromkeys(("confidence", "seconds", "order"), math.nan)
    return table.assign(mode="read", undone=False, **numbers), problems


def _elsewhere(folder: Path) -> list[str]:
    """A line for each GeoJSON that is not directly in a reader's folder: it would be lost without a word."""
    files = sorted(
        path for path in folder.rglob("*") if path.name.lower().endswith((".geojson", ".geojson.gz"))
    )
    parts = [(path, path.relative_to(folder).parts) for path in files]
    return [
        f"  {one_line(path)}: is not directly in a reader's folder; move it to {one_line(folder)}/<reader>/"
        for path, names in parts
        if len(names) != 2 and not any(name.startswith(".") for name in names)
    ]


def _grade_of(path: Path, classes: Sequence[str]) -> tuple[str, str]:
    """The grade of a file's annotations, and what is wrong, or blank."""
    from livergrade.slides.regions import read_regions

    try:
        kinds = sorted({region.kind for region in read_regions(path).regions if region.kind})
    except UserError as error:
        return "", str(error)
    known = {grade.casefold(): grade for grade in classes}
    others = [kind for kind in kinds if kind.casefold() not in known]
    if others := [kind for kind in others if not kind.casefold().startswith(_IGNORED)]:
        return "", f"{one_line(path)}: class {shown(others[0], 60)!r} is none of {', '.join(classes)}"
    grades = sorted({known[kind.casefold()] for kind in kinds if kind.casefold() in known})
    if len(grades) != 1:
        told = f"has annotations of several grades ({', '.join(grades)})" if grades else "has no grade"
        return "", f"{one_line(path)}: {told}; give its annotations the class of one grade"
    return grades[0], ""
