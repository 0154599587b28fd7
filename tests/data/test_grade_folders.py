"""Folders of grades and the images in them."""

import logging
from pathlib import Path

import pytest

from livergrade.data.grade_folders import grade_folders, graded_files
from livergrade.errors import UserError

COMPOSED, IN_PIECES = "m\u00e4\u00dfig", "ma\u0308\u00dfig"


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(("on_disk", "typed"), [(COMPOSED, IN_PIECES), (IN_PIECES, COMPOSED)])
def test_letters_may_be_composed_otherwise(tmp_path: Path, on_disk: str, typed: str) -> None:
    made(tmp_path, f"{on_disk}/P1.png", "poor/P2.png")
    of_grade = grade_folders(tmp_path, ["poor", typed])
    found, problems = graded_files(tmp_path, of_grade, outside=False)
    assert {grade for _, grade in found} == {"poor", typed}
    assert all((tmp_path / image).is_file() for image, _ in found)
    assert not problems


def test_two_folders_of_the_same_letters_are_refused(tmp_path: Path) -> None:
    made(tmp_path, f"{COMPOSED}/P1.png", f"{IN_PIECES}/P2.png")
    if len(list(tmp_path.iterdir())) == 2:  # not on a disk that composes names
        with pytest.raises(UserError, match=r"a grade's folder is written in 2 ways: 'ma\\u0308.*rename one"):
            grade_folders(tmp_path, [COMPOSED])


def test_a_grade_without_a_folder_is_told_and_refused_if_another_folder_may_be_meant(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UserError, match="has no folders; data=folder needs one for each grade"):
        grade_folders(tmp_path, ["poor", "well"])
    made(tmp_path, "poor/a.png", "well/b.png")
    assert grade_folders(tmp_path, ["poor", "moderate", "well"]) == {"poor": "poor", "well": "well"}
    assert "no folder named moderate, so no image of that grade" in caplog.text
    made(tmp_path, "moderat/c.png")
    with pytest.raises(UserError, match="no folder named moderate; its folders are moderat, poor, well"):
        grade_folders(tmp_path, ["poor", "moderate", "well"])
    with pytest.raises(UserError, match="make an empty folder of its name"):
        grade_folders(tmp_path, ["low", "high"])


def test_a_folder_without_folders_is_told_what_it_needs(tmp_path: Path) -> None:
    made(tmp_path, "a.png")
    with pytest.raises(UserError, match=r"has no folders; .* one for each grade \(poor, well\)") as told:
        grade_folders(tmp_path, ["poor", "well"])
    assert "data.classes=[]" not in str(told.value)


def test_linked_folders_count_and_of_two_grades_are_refused(tmp_path: Path) -> None:
    root = made(tmp_path / "root", "poor/P1/a.png", "well/P2/b.png")
    made(tmp_path / "elsewhere", "P3/c.png")
    (root / "poor" / "P3").symlink_to(tmp_path / "elsewhere" / "P3")
    of_grade = {"poor": "poor", "well": "well"}
    found, problems = graded_files(root, of_grade, outside=True)
    assert ("poor/P3/c.png", "poor") in found
    assert (len(found), problems) == (3, [])
    found, (problem,) = graded_files(root, of_grade, outside=False)
    assert "P3 lies outside" in problem
    assert "set data.outside=true" in problem
    (root / "poor" / "P3").unlink()
    (root / "poor" / "P2").symlink_to(root / "well" / "P2")
    _, (problem,) = graded_files(root, of_grade, outside=True)
    assert "of another grade; remove one" in problem


def test_what_is_passed_over_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    made(tmp_path, "poor/a.png", "poor/b.jfif", "poor/._a.png", "poor/P1/Thumbs.db", "notes.txt", "c.png")
    found, problems = graded_files(tmp_path, {"poor": "poor"}, outside=False)
    assert found == [("poor/a.png", "poor")]
    assert not problems
    assert "passed over 1 .png, 1 .txt, 1 .db, 1 .jfif, 1 hidden; .jfif is a JPEG" in caplog.text
