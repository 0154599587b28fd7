"""Files below folders, whatever is linked there."""

import logging
import os
from pathlib import Path

import pytest

from livergrade.io.folder_walk import Walk, log_passed_over, walk
from livergrade.io.inside import Inside


def names(found: Walk, root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in found.files]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    for name in ("a/1.png", "b/2.png", "b/deep/3.png", ".git/x.png", "b/._2.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "4.png").touch()
    return folder


def test_linked_folders_are_entered_where_they_may_be(root: Path) -> None:
    (root / "a" / "linked").symlink_to(root.parent / "elsewhere")
    found = walk([root], Inside(root, outside=True))
    assert names(found, root) == ["a/1.png", "a/linked/4.png", "b/2.png", "b/deep/3.png"]
    assert found.hidden == 2
    assert not found.problems
    refused = walk([root], Inside(root))
    assert names(refused, root) == ["a/1.png", "b/2.png", "b/deep/3.png"]
    (problem,) = refused.problems
    assert "linked lies outside" in problem


@pytest.mark.parametrize("target", [".", "..", "a", "b/deep", "ring"])
def test_rings_and_second_links_end_and_are_told(root: Path, target: str) -> None:
    (root / "A first").symlink_to(root / target)
    (root / "b" / "ring").symlink_to(root / "A first")
    found = walk([root], Inside(root, outside=True))
    assert names(found, root) == ["a/1.png", "b/2.png", "b/deep/3.png"]
    told = len(found.repeated) + len(found.problems)
    assert told == 2


def test_links_to_nothing_and_closed_folders_are_told(root: Path) -> None:
    (root / "a" / "gone").symlink_to(root / "nowhere")
    (root / "closed").mkdir()
    (root / "closed").chmod(0)
    found = walk([root], Inside(root))
    (root / "closed").chmod(0o700)
    assert "gone is a link to" in found.problems[-1]
    if os.getuid():
        assert "closed can't be read: Permission denied" in found.problems[0]
    assert len(found.files) == 3


def test_what_is_passed_over_is_counted_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    paths = [Path(name) for name in ("a.txt", "b.TXT", "c", "d.jfif", "e.svs")]
    log_passed_over(Path("in"), paths[:3], Walk(hidden=1))
    log_passed_over(Path("in"), paths, Walk())
    log_passed_over(Path("in"), [], Walk())
    few, all_of_them = caplog.records
    assert (few.levelname, few.message) == ("INFO", "in: passed over 2 .txt, 1 without a suffix, 1 hidden")
    assert all_of_them.levelname == "WARNING"
    assert ".jfif is a JPEG: rename it to .jpg; .svs is a slide: cut images" in all_of_them.message
