from pathlib import Path

import pytest

from livergrade.io.files import written_whole


def test_a_file_appears_whole(tmp_path: Path) -> None:
    with written_whole(tmp_path / "a.csv") as part:
        part.write_text("whole")
        assert not (tmp_path / "a.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(RuntimeError), written_whole(tmp_path / "a.csv") as part:
        part.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.csv").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
