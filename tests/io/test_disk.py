"""How much room is left on a disk, and sizes as text."""

import re
from pathlib import Path

import pytest

from livergrade.io.disk import free_space, size_text


def test_the_room_is_told_of_the_nearest_folder_that_is_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "file.csv", tmp_path / "not" / "made" / "yet.csv"):
        assert re.fullmatch(r"[\d,]+ MB are left", free_space(path))
    assert free_space(Path("nowhere") / "below.csv") == free_space(Path())


@pytest.mark.parametrize(("size", "text"), [(5.04e9, "5.0 GB"), (1.2e8, "120 MB"), (30, "1 MB")])
def test_a_size_is_in_the_unit_in_which_it_is_a_number(size: float, text: str) -> None:
    assert size_text(size) == text
