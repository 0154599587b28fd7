"""Inputs of slide preparation: slide files and slide table; and the loop over slides."""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import pandas as pd

from livergrade.config.schema import PrepareConfig
from livergrade.data.validation import reserved_columns
from livergrade.errors import UserError
from livergrade.evaluation.subgroups import OF_REGIONS
from livergrade.io.bars import bar as progress_bar
from livergrade.io.cells import cell_problem
from livergrade.io.file_kind import is_image_alone
from livergrade.io.folder_walk import Walk, log_passed_over
from livergrade.io.grade_map import grade_map, unknown_grades
from livergrade.io.inside import Inside, OutsideError, same_on_disk
from livergrade.io.named_files import as_named
from livergrade.io.patient_names import WRITE_ONE_NAME, family_problems
from livergrade.io.pixel_size import read_mpp
from livergrade.io.regular_files import is_folder, is_there
from livergrade.io.row_messages import row_messages
from livergrade.io.slide_files import SlideFiles, image_sets, is_slide_part, log_links, mirax_of, own_name
from livergrade.io.slide_reader import SUFFIXES, SlideError
from livergrade.io.user_tables import Wanted, path_hint, read_user_table
from livergrade.io.visible import one_line

log = logging.getLogger(__name__)

_AN_IMAGE = "is an image and no slide: list it in the cohort, or give it to predict, as it is"
"""What to do with a file of a slide's suffix that is none, as a plain TIFF."""


def find_slides(paths: Sequence[str], *, outside: bool = False) -> list[Path]:
    """Find the given slide files, and the slides in given folders, each slide once.

    Args:
        paths: files and folders as typed.
        outside: whether links in a folder may lead out of it.

    Raises:
        UserError: a path is missing, a folder has no slide, or two slides have the same name.
    """
    found: dict[Hashable, Path] = {}
    links: dict[Path, Hashable] = {}
    problems: list[str] = []
    slide_files = SlideFiles()
    for name in paths:
        path = Path(name)
        slides: list[Path] = []
        if not name:
            problems.append("  '': is an empty name; leave it out")
        elif is_folder(path) and not mirax_of(path):
            slides = _in_folder(path, slide_files, problems, outside=outside)
        elif is_there(path):
            slides = [slide_files.opened_by(path)]
        else:
            problems.append(f"  {one_line(path)}: there is no such file or folder{path_hint(str(path))}")
        for slide in slides:
            key = slide_files.key(slide)
            found[key] = own_name(found.get(key, slide), slide)
            if slide.is_symlink():
                links[slide] = key
    log_links({link: found[key] for link, key in links.items()})
    stems = pd.Series([path.stem for path in found.values()], dtype=str)
    problems += [
        f"  {one_line(stem)}: more than one slide has this name"
        for stem in sorted(set(stems[stems.map(same_on_disk).duplicated()]))
    ]
    problems += [
        f"  {one_line(path)}: {problem}" for path in found.values() if (problem := cell_problem(path.stem))
    ]
    if problems:
        raise UserError("these slides can't be used:\n" + "\n".join(problems))
    return list(found.values())


def _in_folder(path: Path, slide_files: SlideFiles, problems: list[str], *, outside: bool) -> list[Path]:
    """The slides in a folder, not in its subfolders; what is passed over is reported."""
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        problems.append(f"  {one_line(path)}: can't be read: {error.strerror or error}")
        return []
    visible = [file for file in entries if not file.name.startswith(".")]
    files = [file for file in visible if not is_folder(file) and slide_files.opened_by(file) == file]
    slides = [file for file in files if is_slide_part(file) and not is_image_alone(file)]
    problems += _leading_out(slides, Inside(path, outside=outside))
    problems += [f"  {line}" for line in image_sets(files)]
    passed = [file for file in files if file not in slides]
    images = {file.suffix.lower() for file in passed if is_slide_part(file)}
    advice = dict.fromkeys(sorted(images), _AN_IMAGE)
    log_passed_over(path, passed, Walk(hidden=len(entries) - len(visible)), advice)
    if not slides:
        problems.append(f"  {one_line(path)}: holds no slide ({', '.join(SUFFIXES)})")
    return slides


def _leading_out(files: Sequence[Path], below: Inside) -> list[str]:
    problems = []
    for file in files:
        try:
            below.path(file.name)
        except OutsideError as error:
            problems.append(f"  {one_line(file)}: {error}")
    return problems


def read_table(path: Path, slides: Sequence[Path], config: PrepareConfig) -> pd.DataFrame:
    """Read the slide table, indexed by slide name without extension.

    Raises:
        UserError: columns or slides are missing, a column has a name that the manifest or a run writes,
            patients are blank, grades unknown or pixel sizes implausible; all are listed.

    Returns:
        The rows of the slides that are used: those that ``grades`` leaves out are not among them.
    """
    needed = ("slide", "patient", "grade")
    wanted = Wanted((*needed, "mpp"), needed, vars(config.data.columns), "data.columns", {"mpp": read_mpp})
    source = read_user_table(path, wanted)
    table: pd.DataFrame = source.cells.apply(lambda column: column.str.strip())
    grades = grade_map(config.grades, "grades")
    words = Counter(table["grade"])
    table["grade"] = table["grade"].map(grades.of)
    left_out = table["grade"].isna()
    if said := grades.left_out(words):
        log.warning("%s: %s, as grades says", path, said)
    table["slide"] = [as_named(name, Path(), None, SUFFIXES) for name in table["slide"]]
    stems = [Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name for name in table["slide"]]
    on_disk = {unicodedata.normalize("NFC", slide.stem): slide.stem for slide in slides}
    stems = [on_disk.get(unicodedata.normalize("NFC", stem), stem) for stem in stems]
    table.index = pd.Index(stems)
    rows = [at for at in range(len(table)) if not left_out.iloc[at]]
    table, known = table.iloc[rows], set(stems)

    def where(row: int) -> str:
        return source.where(rows[row])

    found, advice = unknown_grades(table["grade"].tolist(), config.classes, "classes", grades)
    found += [(row, "no patient") for row, patient in enumerate(table["patient"]) if not patient]
    found += [(row, "no slide") for row, slide in enumerate(table["slide"]) if not slide]
    problems = [f"  {line}" for line in row_messages(found, where)]
    problems += [f"  {advice}"] if advice else []
    problems += [
        f"  {one_line(stem)}: in more than one row"
        for stem in sorted(set(table.index[table.index.duplicated()]))
    ]
    problems += [*_column_problems(table), *(f"  {line}" for line in source.problems)]
    if config.data.patient_names == "ask" and (alike := family_problems(table["patient"], "slide")):
        problems += [f"  {line}" for line in alike]
        problems.append(f"  {WRITE_ONE_NAME}")
    problems += [f"  {one_line(slide.name)}: in no row" for slide in slides if slide.stem not in known]
    if problems:
        raise UserError(f"{path}: correct these rows:\n" + "\n".join(problems))
    return table


def stated_mpp(path: Path, table: pd.DataFrame | None, config: PrepareConfig) -> float | None:
    """The pixel size of a slide, in µm, that the table or else ``slide_mpp`` states; None without either."""
    in_table = "" if table is None or "mpp" not in table else str(table.loc[path.stem, "mpp"])
    return read_mpp(in_table) or config.slide_mpp


def _column_problems(table: pd.DataFrame) -> list[str]:
    """Columns that can't be carried into a manifest: it has its own, or a run that reads it writes them."""
    own = [name for name in table.columns if name in ("image", "sha256", *OF_REGIONS)]
    if reserved := [*own, *reserved_columns(table.columns)]:
        return [f"  columns {', '.join(reserved)}: the manifest or a run writes these; rename them"]
    return []


def each_slide(slides: Sequence[Path], process: Callable[[Path], None], description: str) -> list[str]:
    """Call ``process`` for every slide; a failed slide does not stop the others.

    Returns:
        One line for each failed slide.
    """
    failed = []
    for path in progress_bar(slides, description, unit="slide"):
        try:
            process(path)
        except (SlideError, UserError) as error:
            failed.append(f"  {one_line(path)} {error}" if isinstance(error, SlideError) else f"  {error}")
            log.error("%s", failed[-1].strip())
    return failed
