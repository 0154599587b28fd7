import os
from pathlib import Path

import pytest
from filelock import Timeout

from livergrade.errors import UserError
from livergrade.io.locks import file_lock


def test_one_takes_it_and_the_next_waits(tmp_path: Path) -> None:
    with file_lock(tmp_path / "lock"), pytest.raises(Timeout):
        file_lock(tmp_path / "lock").acquire(timeout=0)
    file_lock(tmp_path / "lock").acquire(timeout=0)


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_no_lock_is_taken_where_something_else_is(kind: str, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("years of work")
    path = tmp_path / "lock"
    {
        "link": lambda: path.symlink_to(tmp_path / "theirs"),
        "dangling link": lambda: path.symlink_to("nowhere"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }[kind]()
    with pytest.raises(UserError, match="is not a file, but a lock is to be taken there"):
        file_lock(path)
    assert (tmp_path / "theirs").read_text() == "years of work"
