"""The database of a review."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.reading.store import Reading, RefusedError, Store, create

FACTS = {"mode": "read", "classes": ["poor", "well"], "readers": ["anna"]}
IMAGES = [{"image": "a.png"}, {"image": "b.png"}]


def made(folder: Path) -> Store:
    create(folder / "review.db", FACTS, IMAGES, {"anna": [1, 0]})
    return Store(folder / "review.db")


def of(number: int, place: int, grade: str = "poor") -> Reading:
    return Reading(f"{number:032x}", place, grade, None, 3, 1.25, "so")


def test_a_reading_that_is_sent_again_is_one_reading_and_none_is_written_over(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.add("anna", of(1, 0))
    store.add("anna", of(1, 0))
    for wrong in (of(1, 0, "well"), of(2, 0), of(3, 2)):
        with pytest.raises(RefusedError):
            store.add("anna", wrong)
    with pytest.raises(RefusedError, match="no such image"):
        store.add("mallory", of(4, 0))
    (row,) = store.readings()
    assert (row["image"], row["grade"], row["undone"]) == (1, "poor", 0)
    for change in ("UPDATE readings SET grade = 'well'", "DELETE FROM readings"):
        with pytest.raises(sqlite3.IntegrityError, match="readings stay as they are"):
            store._db.execute(change)


def test_what_was_undone_stays_in_the_table_and_its_image_can_be_read_again(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.add("anna", of(1, 0))
    store.undo("anna", "u", of(1, 0).id)
    store.undo("anna", "u2", of(1, 0).id)  # sent again after a lost answer
    assert store.valid("anna") == []
    store.add("anna", of(2, 0, "well"))
    assert [(row["grade"], row["undone"]) for row in store.readings()] == [("poor", 1), ("well", 0)]
    with pytest.raises(RefusedError, match="no such reading"):
        store.undo("ben", "u3", of(2, 0).id)


def test_only_its_owner_can_read_it_and_every_reading_is_on_the_disk(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.add("anna", of(1, 0))
    for path in tmp_path.glob("review.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert store._db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert store._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


WRITER = """
import sys
from pathlib import Path
from tests.reading.test_store import of, Store
store = Store(Path(sys.argv[1]))
for number in range(10):
    store.add("anna", of(number, number))
    print(number, flush=True)
while True: pass
"""


def test_what_was_answered_for_outlives_a_kill(tmp_path: Path) -> None:
    create(tmp_path / "review.db", FACTS, IMAGES, {"anna": [0] * 10})
    words = [sys.executable, "-c", WRITER, str(tmp_path / "review.db")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for _ in range(10):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(Store(tmp_path / "review.db").readings()) == 10


@pytest.mark.parametrize("content", [b"", b"no database" * 100, None])
def test_what_is_no_review_is_told_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "review.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"review\.db: ") as told:
        Store(path)
    assert "\n" not in str(told.value)


def test_what_is_stored_together_is_undone_together_and_nothing_else(tmp_path: Path) -> None:
    create(tmp_path / "review.db", FACTS | {"mode": "confirm"}, IMAGES * 3, {"anna": list(range(6))})
    store = Store(tmp_path / "review.db")
    kept = [Reading(f"{number:032x}", number, None, None, None, None, "") for number in range(6)]
    store.add("anna", kept[0])
    store.add("anna", kept[1])
    store.add("anna", *kept[2:5])
    with pytest.raises(RefusedError):
        store.add("anna", kept[5], of(9, 6))  # none of them
    assert [row["place"] for row in store.valid("anna")] == [0, 1, 2, 3, 4]
    store.undo("anna", "u", kept[3].id)
    assert [row["place"] for row in store.valid("anna")] == [0, 1]
    store.undo("anna", "v", kept[1].id)
    assert [row["place"] for row in store.valid("anna")] == [0]
    store.add("anna", of(10, 0))  # decided anew
    assert [row["id"] for row in store.valid("anna")] == [of(10, 0).id]
    store.take_back("anna", "w", {0, 4})
    store.take_back("anna", "w", {0, 4})  # sent again after a lost answer
    assert store.valid("anna") == []


def test_what_was_decided_over_or_taken_back_holds_again_once_that_is_undone(tmp_path: Path) -> None:
    create(tmp_path / "review.db", FACTS | {"mode": "confirm"}, IMAGES * 2, {"anna": list(range(4))})
    store = Store(tmp_path / "review.db")

    def decide(number: int, *places: int, excluded: str | None = None) -> None:
        own = [f"{number:031x}{place}" for place in places]
        store.add(
            "anna",
            *(Reading(id_, at, None, excluded, None, None, "") for id_, at in zip(own, places, strict=True)),
        )

    def held() -> dict[int, str | None]:
        return {row["place"]: row["excluded"] for row in store.valid("anna")}

    decide(1, 0, 1)
    decide(2, 2, 3)
    decide(3, 0, 1, 2, 3, excluded="artefact")
    store.take_back("anna", "b" * 32, {0, 1, 2, 3})
    steps = [({}, "b" * 32), (dict.fromkeys(range(4), "artefact"), f"{3:031x}3")]
    steps += [(dict.fromkeys(range(4)), f"{2:031x}3"), (dict.fromkeys((0, 1)), f"{1:031x}1"), ({}, "")]
    for number, (now, last) in enumerate(steps):
        assert (held(), store.last("anna") or "") == (now, last)
        if last:
            for _ in range(2):  # the first answer was lost
                store.undo("anna", f"{number:032x}", last)


def test_what_was_taken_back_does_not_come_back_over_a_newer_decision(tmp_path: Path) -> None:
    create(tmp_path / "review.db", FACTS | {"mode": "confirm"}, IMAGES, {"anna": [0, 1], "ben": [0, 1]})
    store = Store(tmp_path / "review.db")
    store.add("anna", of(1, 0), of(2, 1))
    store.take_back("anna", "b" * 32, {0, 1})
    with pytest.raises(RefusedError):
        store.undo("ben", "u", "b" * 32)
    store.add("anna", of(3, 0))  # in another window
    store.take_back("anna", "b" * 32, {0, 1})  # sent again after a lost answer: the newer decision stays
    assert store.last("anna") == of(3, 0).id
    store.undo("anna", "u", "b" * 32)
    assert [row["id"] for row in store.valid("anna")] == [of(2, 1).id, of(3, 0).id]
    store.undo("anna", "v", of(3, 0).id)
    store.undo("anna", "w", "b" * 32)  # what was decided over then is open now
    assert [row["id"] for row in store.valid("anna")] == [of(1, 0).id, of(2, 1).id]
    assert [row["undone"] for row in store.readings()] == [0, 0, 1]
    with pytest.raises(RefusedError, match="no such image"):
        store.take_back("anna", "c" * 32, {2})
