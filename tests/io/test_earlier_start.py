"""What an earlier start left is moved away and not lost."""

from pathlib import Path

from livergrade.io.earlier_start import remove_made, set_aside


def test_what_is_there_is_moved_each_time_into_a_folder_of_its_own(tmp_path: Path) -> None:
    assert set_aside(tmp_path, ["images/a.png"]) is None
    for number in (1, 2):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / "a.png").write_text(f"of start {number}")
        (tmp_path / "images" / "b.png").write_text("stays")
        aside = set_aside(tmp_path, ["images/a.png", "images/none.png"])
        assert aside == tmp_path / f"earlier_start_{number}"
        assert (aside / "images" / "a.png").read_text() == f"of start {number}"
        assert [path.name for path in (tmp_path / "images").iterdir()] == ["b.png"]


def test_only_files_that_a_command_makes_are_removed(tmp_path: Path) -> None:
    for name in ("maps/000.npz", "maps/000.npz.txt", "maps/mine.npz", "report.html", "notes.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "maps" / "001.npz").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "maps")
    remove_made(tmp_path, {"": r"report\.html", "maps": r"\d{3}\.npz", "pictures": ".*", "linked": ".*"})
    (tmp_path / "linked").unlink()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "maps",
        "maps/000.npz.txt",
        "maps/001.npz",
        "maps/mine.npz",
        "notes.html",
    ]
