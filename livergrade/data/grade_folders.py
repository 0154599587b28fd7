"""Find the folder of each grade below a cohort's folder, and the images in them."""

from __future__ import annotations

import logging
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.folder_walk import log_passed_over, walk
from livergrade.io.grade_map import NO_MAP, GradeMap
from livergrade.io.images import SUFFIXES
from livergrade.io.inside import Inside, same_on_disk
from livergrade.io.on_disk import SpellingError, match_spelling
from livergrade.io.regular_files import is_folder
from livergrade.io.typed_list import typed_list
from livergrade.io.visible import one_line

log = logging.getLogger(__name__)


def grade_folders(root: Path, classes: list[str], grades: GradeMap = NO_MAP) -> dict[str, str]:
    """Name of a folder → its grade. Their letters may be composed otherwise, as in names from a Mac.

    Args:
        root: the cohort's folder.
        classes: the grades, worst to best.
        grades: which folders have other words for grades, or are left out.

    Raises:
        UserError: there is no folder of a grade but another one that may be meant, or there are two.
    """
    try:
        entries = sorted(root.iterdir())
    except OSError as error:
        raise UserError(f"{root}: can't be read: {error.strerror or error}") from None
    folders = [entry.name for entry in entries if is_folder(entry) and not entry.name.startswith(".")]
    try:
        mapped = {folder: word for word in grades.grades if (folder := match_spelling(word, folders))}
        matched = {grade: match_spelling(grade, set(folders) - set(mapped)) for grade in classes}
    except SpellingError as error:
        raise UserError(f"{root}: a grade's folder {error}") from None
    of_grade = {folder: grade for grade, folder in matched.items() if folder}
    of_grade |= {name: grade for name, word in mapped.items() if (grade := grades.of(word)) in classes}
    if not folders:
        raise UserError(
            f"{root}: has no folders; data=folder needs one for each grade ({', '.join(classes)}), with its "
            "images. A list of images goes in with data=manifest data.manifest=<file.csv>"
        )
    missing = [grade for grade in classes if grade not in of_grade.values()]
    others = [name for name in folders if name not in of_grade and name not in mapped]
    by_lowercase = {same_on_disk(grade): grade for grade in classes}
    if duplicates := [name for name in others if same_on_disk(name) in by_lowercase and not missing]:
        pairs = ", ".join(f"{one_line(name)} and {by_lowercase[same_on_disk(name)]}" for name in duplicates)
        raise UserError(f"{root}: folders {pairs} differ only in upper and lower case; merge them")
    if missing and (others or not of_grade):
        listed = ", ".join(map(one_line, folders))
        raise UserError(
            f"{root}: no folder named {', '.join(missing)}; its folders are {listed}. Rename the folders "
            "of the grades, or give the grades, worst to best, as in "
            f"{typed_list('data.classes', folders)}, or the grades that they are, as in "
            f"'data.grades={{{one_line((*others, 'G1')[0])}: {missing[0]}}}'; if there is no image of a "
            "grade, make an empty folder of its name"
        )
    if missing:
        log.warning("%s: no folder named %s, so no image of that grade", root, ", ".join(missing))
    if left_out := [name for name in mapped if name not in of_grade]:
        log.warning("%s: left out, as %s says: %s", root, grades.option, ", ".join(map(one_line, left_out)))
    if others:
        log.warning("%s: ignored folders, not in data.classes: %s", root, ", ".join(map(one_line, others)))
    return of_grade


def graded_files(
    root: Path, of_grade: dict[str, str], *, outside: bool
) -> tuple[list[tuple[str, str]], list[str]]:
    """Images below ``root`` with the grade whose folder they are in, and problems with their names.

    Args:
        root: the cohort's folder.
        of_grade: name of a folder in it → grade.
        outside: whether links may lead out of it.
    """
    walked = walk([root / folder for folder in of_grade], Inside(root, outside=outside))
    found: list[tuple[str, str]] = []
    problems = list(walked.problems)
    passed = [path for path in root.iterdir() if path.is_file() and not path.name.startswith(".")]
    for path in walked.files:
        image = path.relative_to(root).as_posix()
        if path.suffix.lower() not in SUFFIXES:
            passed.append(path)
        elif problem := cell_problem(image):
            problems.append(f"{one_line(image)} {problem}")
        else:
            found.append((image, of_grade[image.partition("/")[0]]))
    problems += [
        f"folder {one_line(link)} is a link to {one_line(first)}, of another grade; remove one"
        for link, first in walked.repeated
        if first.is_relative_to(root)
        and first != root
        and link.relative_to(root).parts[0] != first.relative_to(root).parts[0]
    ]
    log_passed_over(root, passed, walked)
    return found, problems
