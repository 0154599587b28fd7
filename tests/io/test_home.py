"""The home folder, and machines that have none."""

import logging
import os
import pwd
import stat
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.home import expanded, provide_home

SET = ("HOME", "MPLCONFIGDIR", "LIVERGRADE_CACHE", "USER", "LOGNAME")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No variable is set, and the user has no account; the temporary folder."""
    for name in SET:
        monkeypatch.setenv(name, "")  # so that what the test sets is undone
        monkeypatch.delenv(name)

    def no_account(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", no_account)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_without_a_home_caches_lie_in_a_private_folder_and_that_is_said_once(bare: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        provide_home()
        provide_home()  # as in a process that this one starts
    (private,) = bare.iterdir()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert os.environ["HOME"] == str(private)
    assert Path(os.environ["LIVERGRADE_CACHE"]).parent == private
    assert os.environ["USER"] == str(os.getuid())
    (told,) = caplog.messages
    assert told == (
        f"there is no home folder: caches lie in {private}; set LIVERGRADE_CACHE=<folder> to keep them"
    )


def test_a_home_that_is_only_readable_stays_the_home(bare: Path, monkeypatch, caplog) -> None:
    monkeypatch.setenv("HOME", "/proc/self")  # read-only for everybody, also for root
    with caplog.at_level(logging.WARNING):
        provide_home()
    assert os.environ["HOME"] == "/proc/self"
    assert Path(os.environ["LIVERGRADE_CACHE"]).is_relative_to(bare)
    assert "/proc/self can't be written" in caplog.text


def test_what_is_set_and_can_be_written_stays(bare: Path, monkeypatch, caplog) -> None:
    monkeypatch.setenv("HOME", str(bare))
    provide_home()
    assert not {"MPLCONFIGDIR", "LIVERGRADE_CACHE"} & set(os.environ)
    monkeypatch.setenv("HOME", "/proc/self")
    monkeypatch.setenv("LIVERGRADE_CACHE", str(bare / "own"))
    provide_home()
    assert os.environ["LIVERGRADE_CACHE"] == str(bare / "own")
    assert not caplog.messages


def test_a_folder_that_others_can_write_or_a_link_is_not_taken(bare: Path) -> None:
    taken = bare / f"livergrade-{os.getuid()}"
    (bare / "elsewhere").mkdir(mode=0o700)
    taken.symlink_to(bare / "elsewhere")
    provide_home()
    assert not Path(os.environ["HOME"]).is_relative_to(taken)
    assert stat.S_IMODE(Path(os.environ["HOME"]).stat().st_mode) == 0o700


def test_the_home_of_nobody_is_told() -> None:
    with pytest.raises(
        UserError, match="~nobody-of-that-name/x: there is no such home folder on this machine"
    ):
        expanded("~nobody-of-that-name/x")
