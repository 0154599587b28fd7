"""How much room is left on a disk."""

import re
from pathlib import Path

from livergrade.io.disk import free_space


def test_the_room_is_told_of_the_nearest_folder_that_is_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "file.csv", tmp_path / "not" / "made" / "yet.csv"):
        assert re.fullmatch(r"[\d,]+ MB are left", free_space(path))
    assert free_space(Path("nowhere") / "below.csv") == free_space(Path())
