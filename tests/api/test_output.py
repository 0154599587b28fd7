"""Folders of calls from Python, and their errors."""

import errno
import sys
from pathlib import Path

import pytest

from livergrade.api.output import absolute, output_folder, quietly
from livergrade.errors import UserError
from livergrade.io.files import write_json
from livergrade.runs.paths import command_line


def test_a_call_writes_into_its_folder_alone(tmp_path: Path) -> None:
    with output_folder(tmp_path / "a" / "b", "livergrade.fit"):
        assert command_line() == "livergrade.fit"
        write_json({}, tmp_path / "a" / "b" / "x.json")
        with pytest.raises(UserError, match="lies outside"):
            write_json({}, tmp_path / "y.json")
    write_json({}, tmp_path / "y.json")


def test_a_folder_of_which_nothing_came_is_removed_and_one_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for name in ("new/folder", "kept"):
        with pytest.raises(UserError, match="no"), output_folder(tmp_path / name, "call"):
            raise UserError("no")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_folder_with_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link"), output_folder(tmp_path, "call"):
        pass


def test_failures_of_the_machine_are_one_line_and_bugs_stay_bugs() -> None:
    with pytest.raises(UserError, match="the disk is full"), quietly():
        raise OSError(errno.ENOSPC, "no space", "file")
    with pytest.raises(ZeroDivisionError), quietly():
        _ = 1 / 0
    with pytest.raises(KeyboardInterrupt), quietly():
        sys.exit(130)
    with pytest.raises(SystemExit), quietly():
        sys.exit(143)


def test_a_path_is_absolute_and_its_home_somebodys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert absolute("~/a/../b", "out") == tmp_path / "b"
    with pytest.raises(UserError, match="no such home folder"):
        absolute("~nosuchuser/a", "out")
