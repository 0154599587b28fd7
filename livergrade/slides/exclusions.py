"""Images that a person left out: a list of names, or the ``exclusions.csv`` of ``livergrade.review``."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.kept import file_sha256
from livergrade.io.regular_files import is_regular
from livergrade.io.user_tables import Wanted, read_user_table
from livergrade.io.visible import one_line

log = logging.getLogger(__name__)

BY_HAND = "excluded by hand"
_TABLES = (".csv", ".xlsx")
_HEAD = 100
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class _Row:
    """One image that is left out: where it is listed, its name, its content (blank: any), and why."""

    where: str
    image: str
    sha256: str
    reason: str

    @property
    def key(self) -> str:
        """The file's name without its folder, accents in one piece with their letters."""
        return _key(self.image)


class Exclusions:
    """The images to leave out, and which of them were found.

    An image that is listed with its SHA-256 is known by that alone: if its region was moved since, another
    image has its name, which no reader looked at.

    Args:
        path: a table (CSV, .xlsx) with ``image`` and, if known, ``sha256`` and ``reason``; or a text file
            with a name in each line, in which ``#`` begins a comment. None: no image is left out.

    Raises:
        UserError: it can't be read, or has rows that can't be used; all are listed.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._rows = [] if path is None else _read(Path(path))
        self._by_content = {row.sha256: row for row in self._rows if row.sha256}
        self._by_name = {row.key: row for row in self._rows if not row.sha256}
        self._found: dict[str, set[str]] = {}  # where it is listed → images

    def why(self, name: str, file: Path) -> str:
        """Why an image is left out; blank if it isn't.

        Args:
            name: of the image.
            file: the image.
        """
        row = self._by_content.get(file_sha256(file)) if self._by_content else None
        row = row or self._by_name.get(_key(name))
        if row is None:
            return ""
        self._found.setdefault(row.where, set()).add(name)
        return f"{BY_HAND}: {row.reason}" if row.reason else BY_HAND

    def told(self) -> str:
        """How many images are left out and why, in words; blank if none is."""
        reasons = {row.where: row.reason or "no reason given" for row in self._rows}
        counts = Counter(reasons[where] for where, images in self._found.items() for _ in images)
        return ", ".join(f"{count} {one_line(reason)}" for reason, count in counts.most_common())

    def refuse_unknown(self, images: list[str]) -> None:
        """Refuse rows that fit no image: an image that was to be left out would be used.

        Args:
            images: names of all images that were cut.

        Raises:
            UserError: there are any; all are listed.
        """
        there = {_key(name) for name in images}
        lines = [
            f"  {row.where}: {one_line(row.image)} "
            + (
                "has another content now than when it was looked at (sha256): look at it again, or list it "
                "without its sha256 to leave it out by name"
                if row.sha256 and row.key in there
                else "is no image of these slides"
            )
            for row in self._rows
            if row.where not in self._found
        ]
        if lines:
            count = f"{len(lines)} row{'s fit' if len(lines) > 1 else ' fits'} no image"
            raise UserError(
                f"exclude={self._path}: {count}; correct or remove them, or give all slides:\n"
                + "\n".join(lines)
            )


def _key(image: str) -> str:
    return unicodedata.normalize("NFC", image.replace("\\", "/")).rpartition("/")[2]


def _read(path: Path) -> list[_Row]:
    if path.suffix.lower() in _TABLES:
        return _of_table(path)
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"exclude={path}: can't be read: {error}") from None
    return [
        _Row(f"line {number}", line.strip(), "", "")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith("#")
    ]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD).strip()


def _of_table(path: Path) -> list[_Row]:
    if is_regular(path) and _head(path) == b"image,sha256,reason":
        return []  # a review that left nothing out
    table = read_user_table(path, Wanted(("image", "sha256", "reason"), ("image",)))
    cells = table.cells.reindex(columns=["image", "sha256", "reason"], fill_value="")
    problems, rows = [*table.problems], []
    for number, row in enumerate(cells.apply(lambda column: column.str.strip()).to_dict("records")):
        where = table.where(number)
        if not row["image"]:
            problems.append(f"{where}: image is blank")
        if row["sha256"] and not _SHA256.fullmatch(row["sha256"].lower()):
            problems.append(f"{where}: sha256 is no SHA-256 (64 digits and letters a to f), nor blank")
        rows.append(_Row(where, row["image"], row["sha256"].lower(), row["reason"].replace("_", " ")))
    if problems:
        listed = "\n".join(f"  {line}" for line in problems)
        raise UserError(f"exclude={path}: correct these rows:\n{listed}")
    return rows
