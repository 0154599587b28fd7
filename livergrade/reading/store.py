"""The database of a review: every reading is a row that is written once, before it is answered for.

SQLite in WAL mode with ``synchronous=FULL``: what was answered for is on the disk, whatever ends the process.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from livergrade.errors import UserError
from livergrade.io.regular_files import is_regular
from livergrade.io.visible import shown
from livergrade.io.write_below import require_writable

NAME = "review.db"
MARK = 0x4C475256
"""SQLite's ``application_id`` of our databases."""
_BACK = "back "
"""Start of the ids by which readings are undone that were taken back at once; those of an earlier version
lack it."""
_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE images (number INTEGER PRIMARY KEY, cells TEXT NOT NULL) STRICT;
CREATE TABLE tasks (reader TEXT NOT NULL, place INTEGER NOT NULL, image INTEGER NOT NULL,
  PRIMARY KEY (reader, place)) STRICT;
CREATE TABLE sessions (hash TEXT PRIMARY KEY, reader TEXT NOT NULL) STRICT;
CREATE TABLE readings (id TEXT PRIMARY KEY, reader TEXT NOT NULL, place INTEGER NOT NULL,
  image INTEGER NOT NULL, grade TEXT, excluded TEXT, confidence INTEGER, seconds REAL,
  comment TEXT NOT NULL, mode TEXT NOT NULL, time TEXT NOT NULL) STRICT;
CREATE INDEX of_place ON readings (reader, place);
CREATE TABLE undone (id TEXT PRIMARY KEY, reading TEXT NOT NULL UNIQUE, time TEXT NOT NULL) STRICT;
CREATE TRIGGER kept BEFORE UPDATE ON readings BEGIN SELECT RAISE(ABORT, 'readings stay as they are'); END;
CREATE TRIGGER stays BEFORE DELETE ON readings BEGIN SELECT RAISE(ABORT, 'readings stay as they are'); END;
"""


class RefusedError(Exception):
    """What a reader sent does not fit to what is stored; the message is one line for the page."""


@dataclass(frozen=True)
class Reading:
    """What one reader said of one image.

    Attributes:
        id: made by the page, so that a reading that is sent again is the same one.
        place: number of the image in the reader's order, from 0.
        grade: the grade; None if the image was excluded, or kept without a grade.
        excluded: why the image is left out; None if it is not.
        confidence: 1 to 5; None: not given.
        seconds: time for which the image was looked at; None: it was decided on the contact sheet.
        comment: free text.
    """

    id: str
    place: int
    grade: str | None
    excluded: str | None
    confidence: int | None
    seconds: float | None
    comment: str


class Store:
    """An open database. To be used by one thread at a time.

    Args:
        path: the file, which :func:`create` made.

    Raises:
        UserError: it is no database of a review, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        if not is_regular(path) or path.is_symlink():
            raise UserError(f"{shown(path)}: there is no review; give the folder of one")
        self.path = path
        self._tasks: dict[str, list[int]] = {}
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            for setting in ("trusted_schema=OFF", "journal_mode=WAL", "synchronous=FULL"):
                self._db.execute(f"PRAGMA {setting}")
            mark = self._db.execute("PRAGMA application_id").fetchone()[0]
            found = (
                self._db.execute("PRAGMA quick_check(1)").fetchone()[0] if mark == MARK else "another file"
            )
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            self.facts: dict[str, Any] = {
                row["name"]: json.loads(row["value"]) for row in self._db.execute("SELECT * FROM facts")
            }
            self.images: list[dict[str, str]] = [
                json.loads(row["cells"]) for row in self._db.execute("SELECT * FROM images ORDER BY number")
            ]
        except (sqlite3.Error, ValueError) as error:
            raise UserError(
                f"{shown(path)}: is no database of a review, or is damaged ({shown(error)}); put it back "
                "from a copy, or choose another folder"
            ) from None

    def close(self) -> None:
        """Close the file; its journal is merged into it."""
        self._db.close()

    def tasks(self, reader: str) -> list[int]:
        """Numbers of the images in the reader's order; empty if there is no such reader."""
        if reader not in self._tasks:  # they never change
            found = self._db.execute("SELECT image FROM tasks WHERE reader = ? ORDER BY place", (reader,))
            self._tasks[reader] = [row["image"] for row in found]
        return self._tasks[reader]

    def valid(self, reader: str) -> list[sqlite3.Row]:
        """The reader's readings in this review that were not undone, in the order in which they were made."""
        return self._db.execute(
            "SELECT * FROM readings WHERE reader = ? AND mode = ? AND id NOT IN (SELECT reading FROM undone) "
            "ORDER BY rowid",
            (reader, self.facts["mode"]),
        ).fetchall()

    def readings(self) -> list[dict[str, Any]]:
        """All readings, undone ones too (``undone``), in the order in which they were made."""
        found = self._db.execute(
            "SELECT *, id IN (SELECT reading FROM undone) AS undone FROM readings ORDER BY rowid"
        )
        return [dict(row) for row in found]

    def add(self, reader: str, *readings: Reading) -> None:
        """Store readings of different images, all or none; those that are stored already change nothing.

        In ``mode=confirm`` a reading replaces an earlier one of its image, which is marked as undone.

        Raises:
            RefusedError: the reader has no such image or has answered it, or another reading has this id.
        """
        tasks = self.tasks(reader)
        self._require_places(reader, [reading.place for reading in readings])
        with self._write():
            new = [reading for reading in readings if not self._is_stored(reader, reading)]
            earlier = {row["place"]: row["id"] for row in self.valid(reader)} if new else {}
            mode, time = self.facts["mode"], now()  # one time, by which they are undone together
            for reading in new:
                if reading.place in earlier:
                    if mode != "confirm":
                        raise RefusedError(
                            "this image was read already, perhaps in another window; load the page again"
                        )
                    self._insert(
                        "undone",
                        {"id": f"for {reading.id}", "reading": earlier[reading.place], "time": time},
                    )
                image = tasks[reading.place]
                own = {"reader": reader, "image": image, "mode": mode, "time": time}
                self._insert("readings", asdict(reading) | own)

    def _is_stored(self, reader: str, reading: Reading) -> bool:
        """Whether this very reading is stored; refuses another one with its id."""
        row = self._db.execute("SELECT * FROM readings WHERE id = ?", (reading.id,)).fetchone()
        if row and (row["reader"] != reader or any(row[key] != of for key, of in asdict(reading).items())):
            raise RefusedError("another reading has this number; load the page again")
        return row is not None

    def last(self, reader: str) -> str | None:
        """What :meth:`undo` takes back next: id of the last reading or number of the last taking back."""
        valid = self.valid(reader)
        found = [(row["time"], row["id"]) for row in valid[-1:]]
        taken = self._db.execute(
            "SELECT undone.id, undone.time, place FROM undone JOIN readings ON readings.id = undone.reading "
            "WHERE reader = ? AND mode = ? AND undone.id LIKE ? ORDER BY undone.rowid DESC",
            (reader, self.facts["mode"], f"{_BACK}%"),
        )
        decided = {row["place"] for row in valid}
        back = next((row for row in taken if row["place"] not in decided), None)
        if back:
            found.append((back["time"], back["id"].split()[1]))
        return max(found, key=lambda one: datetime.fromisoformat(one[0]))[1] if found else None

    def undo(self, reader: str, number: str, last: str) -> None:
        """Mark a reading as undone, and those that were stored together with it; they stay in the table.

        What they replaced holds again. Where readings were taken back at once, they hold again.

        Args:
            reader: whose it is.
            number: made by the page, as of a reading.
            last: id of the reading, or number of the taking back.

        Raises:
            RefusedError: the reader has no such reading.
        """
        with self._write():
            valid = {row["id"]: row for row in self.valid(reader)}
            if last in valid:
                together = [row for row in valid.values() if row["time"] == valid[last]["time"]]
                self._mark_undone(number, together)
                for row in together:
                    self._db.execute("DELETE FROM undone WHERE id = ?", (f"for {row['id']}",))
            elif self._restored(reader, last, {row["place"] for row in valid.values()}):
                mark = {"id": number, "reading": f"{_BACK}{last}", "time": now()}  # if this is sent again
                self._insert("undone", mark, ignored=True)
            elif not self._db.execute(
                "SELECT 1 FROM undone WHERE reading IN (?, ?)", (last, f"{_BACK}{last}")
            ).fetchone():
                raise RefusedError("there is no such reading to be undone")

    def _restored(self, reader: str, number: str, decided: Collection[int]) -> int:
        """Let readings hold again that were taken back at once, of images that are open; how many."""
        found = self._db.execute(
            "SELECT undone.id, place FROM undone JOIN readings ON readings.id = undone.reading "
            "WHERE reader = ? AND undone.id LIKE ?",
            (reader, f"{_BACK}{number} %"),
        )
        restored = [row["id"] for row in found.fetchall() if row["place"] not in decided]
        self._db.executemany("DELETE FROM undone WHERE id = ?", [(name,) for name in restored])
        return len(restored)

    def take_back(self, reader: str, number: str, places: Collection[int]) -> None:
        """Mark what a reader said of these images as undone; an image that is open stays so.

        What was taken back already under this number changes nothing.

        Args:
            reader: whose readings they are.
            number: made by the page, as of a reading.
            places: of the images in the reader's order.

        Raises:
            RefusedError: the reader has no such image.
        """
        self._require_places(reader, places)
        with self._write():
            before = self._db.execute("SELECT 1 FROM undone WHERE id LIKE ?", (f"{_BACK}{number} %",))
            if not before.fetchone():
                rows = [row for row in self.valid(reader) if row["place"] in places]
                self._mark_undone(f"{_BACK}{number}", rows)

    def _require_places(self, reader: str, places: Collection[int]) -> None:
        if not all(0 <= place < len(self.tasks(reader)) for place in places):
            raise RefusedError("there is no such image")

    def _mark_undone(self, number: str, rows: Iterable[sqlite3.Row]) -> None:
        time = now()
        for row in rows:
            self._insert("undone", {"id": f"{number} {row['place']}", "reading": row["id"], "time": time})

    def add_session(self, digest: str, reader: str) -> None:
        """Remember a reader's session by the hash of its cookie."""
        with self._write():
            self._insert("sessions", {"hash": digest, "reader": reader})

    def session(self, digest: str) -> str | None:
        """Whose session it is; None: of no reader."""
        row = self._db.execute("SELECT reader FROM sessions WHERE hash = ?", (digest,)).fetchone()
        return row["reader"] if row else None

    def _insert(self, table: str, values: Mapping[str, Any], *, ignored: bool = False) -> None:
        """Insert a row; ``ignored``: not if there is one like it."""
        marks, names = ", ".join(f":{name}" for name in values), ", ".join(values)
        insert = "INSERT OR IGNORE" if ignored else "INSERT"
        self._db.execute(f"{insert} INTO {table} ({names}) VALUES ({marks})", dict(values))

    @contextmanager
    def _write(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def create(
    path: Path,
    facts: Mapping[str, Any],
    images: Sequence[Mapping[str, str]],
    tasks: Mapping[str, Sequence[int]],
    earlier: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Make the database of a review, which its owner alone can read (mode 0600).

    It is made under another name and renamed, so that a process that is killed leaves none that is half made.

    Args:
        path: the file.
        facts: what the review is about: ``mode``, ``classes``, ``root`` and others.
        images: cells of each image.
        tasks: reader → numbers of images in their order.
        earlier: readings of an earlier review, as :meth:`Store.readings` has them.
    """
    require_writable(path)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o600))
    db = sqlite3.connect(part)
    try:
        db.executescript(_TABLES)
        db.execute(f"PRAGMA application_id={MARK}")
        db.executemany("INSERT INTO facts VALUES (?, ?)", [(key, json.dumps(facts[key])) for key in facts])
        db.executemany("INSERT INTO images VALUES (?, ?)", list(enumerate(map(json.dumps, images))))
        db.executemany(
            "INSERT INTO tasks VALUES (?, ?, ?)",
            [(who, place, image) for who, order in tasks.items() for place, image in enumerate(order)],
        )
        for row in earlier:
            values = {key: row[key] for key in row if key != "undone"}
            marks = ", ".join("?" * len(values))
            columns = ", ".join(values)
            db.execute(f"INSERT INTO readings ({columns}) VALUES ({marks})", list(values.values()))  # noqa: S608
            if row["undone"]:
                db.execute("INSERT INTO undone VALUES (?, ?, ?)", (f"of {row['id']}", row["id"], row["time"]))
        db.commit()
    finally:
        db.close()
    part.rename(path)


def now() -> str:
    """The time with its zone, ISO 8601, to the microsecond: no two writes to the disk are as near."""
    return datetime.now().astimezone().isoformat(timespec="microseconds")
