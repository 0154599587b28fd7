"""A study's file of a stranger."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.multirun.study_file import LARGEST, SUPER_JOURNAL, check_study_file


def database(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as file:
        for statement in ("CREATE TABLE trials (number INTEGER)", *statements):
            file.execute(statement)
        file.commit()
    return path


def test_plain_tables_pass_and_stay_as_they_are(tmp_path: Path) -> None:
    check_study_file(tmp_path / "study.db")
    assert not list(tmp_path.iterdir())
    path = database(tmp_path / "stu?dy#1%.db", "CREATE INDEX a ON trials (number)")
    before = path.read_bytes()
    check_study_file(path)
    assert path.read_bytes() == before
    (tmp_path / "empty.db").touch()  # killed before its first write
    check_study_file(tmp_path / "empty.db")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; END", "a trigger named 't'"),
        ("CREATE VIEW studies AS SELECT 1", "a view named 'studies'"),
        ("CREATE VIRTUAL TABLE studies USING fts5(a)", "a virtual table named 'studies'"),
        ("PRAGMA journal_mode = WAL", "is not an SQLite file of a study"),
    ],
)
def test_what_would_be_run_is_refused(tmp_path: Path, statement: str, what: str) -> None:
    path = database(tmp_path / "study.db", statement)
    with pytest.raises(UserError, match=f"{what}.*choose another study"):
        check_study_file(path)


def test_files_that_are_no_database_are_refused(tmp_path: Path) -> None:
    good, path = database(tmp_path / "good.db"), tmp_path / "study.db"
    for content in (b"x", b"number,value\n", good.read_bytes()[:100], b"SQLite format 3\0" + bytes(5000)):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"study\.db: is (not an|a damaged) SQLite file"):
            check_study_file(path)
    path.unlink()
    path.symlink_to(good)
    with pytest.raises(UserError, match="is a link or no file"):
        check_study_file(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match="is a link or no file"):
        check_study_file(path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(UserError, match="has more than"):
        check_study_file(path)


def test_a_journal_that_names_a_file_is_refused(tmp_path: Path) -> None:
    path = database(tmp_path / "study.db")
    journal = tmp_path / "study.db-journal"
    journal.write_bytes(bytes(512) + SUPER_JOURNAL)
    with pytest.raises(UserError, match=r"study\.db-journal: names a further file"):
        check_study_file(path)
    path.unlink()
    with pytest.raises(UserError, match="belongs to no study"):
        check_study_file(path)
    journal.unlink()
    database(path)
    (tmp_path / "study.db-wal").touch()
    with pytest.raises(UserError, match=r"comes with study\.db-wal"):
        check_study_file(path)
