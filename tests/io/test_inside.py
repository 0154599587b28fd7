"""Names that a table gives lead to files of its folder alone."""

from pathlib import Path

import pytest

from livergrade.io.inside import Inside, OutsideError, same_on_disk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "a.png").touch()
    (tmp_path / "secret.png").touch()
    (folder / "file").symlink_to(tmp_path / "secret.png")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "own").symlink_to(folder / "in")
    (folder / "ring").symlink_to(folder / "ring")
    (folder / "gone").symlink_to(tmp_path / "not there")
    return folder


@pytest.mark.parametrize(
    "name", ["in/a.png", "own/a.png", "in/../in/a.png", "~/a.png", "not there.png", "a:b"]
)
def test_what_is_inside_is_found(root: Path, name: str) -> None:
    assert Inside(root).path(name) == root / name
    assert Inside(root).holds(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../secret.png",
            "in/../../secret.png",
            "file",
            "folder/secret.png",
            "folder",
            "own/../../secret.png",
        ),
        *("/etc/passwd", "//server/share/a.png", "\\\\server\\share\\a.png", "C:\\a.png", "c:/a.png", "gone"),
        *("file:///etc/passwd", "FILE:/etc/passwd", "http://127.0.0.1:9/a.png", ".."),
    ],
)
def test_what_leads_out_is_refused_unless_it_is_meant(root: Path, name: str) -> None:
    with pytest.raises(OutsideError, match=r"lies outside .*root; set data\.outside=true"):
        Inside(root).path(name)
    assert Inside(root, outside=True).path(name) == root / name


@pytest.mark.parametrize("name", ["a\0.png", "ring", "x" * 300])
def test_what_can_be_no_file_is_refused(root: Path, name: str) -> None:
    with pytest.raises(OutsideError, match="can't be the name of a file"):
        Inside(root).path(name)


def test_names_that_some_disks_take_for_one() -> None:
    assert same_on_disk("É.png") == same_on_disk("e\u0301.PNG")
    assert same_on_disk("a") != same_on_disk("b")
