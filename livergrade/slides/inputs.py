"""Inputs of slide preparation: slide files, slide table and exclusions; and the loop over slides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from livergrade.config.schema import PrepareConfig
from livergrade.data.validation import reserved_columns
from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.inside import Inside, OutsideError, same_on_disk
from livergrade.io.patient_names import WRITE_ONE_NAME, family_problems
from livergrade.io.pixel_size import mpp_problems
from livergrade.io.slide_reader import SUFFIXES, SlideError
from livergrade.io.tables import formulas, read_text_table
from livergrade.io.visible import one_line

log = logging.getLogger(__name__)


def find_slides(paths: Sequence[str], *, outside: bool = False) -> list[Path]:
    """Find the given slide files, and the slides in given folders.

    Args:
        paths: files and folders as typed.
        outside: whether links in a folder may lead out of it.

    Raises:
        UserError: a path is missing, a folder has no slide, or two slides have the same name.
    """
    slides, problems = [], []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(
                file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != "."
            )
            problems += _leading_out(inside, Inside(path, outside=outside))
            slides += inside
            if not inside:
                problems.append(f"  {path}: holds no slide ({', '.join(SUFFIXES)})")
        elif path.is_file():
            slides.append(path)
        else:
            problems.append(f"  {one_line(path)}: there is no such file or folder")
    stems = pd.Series([path.stem for path in slides], dtype=str)
    problems += [
        f"  {one_line(stem)}: more than one slide has this name"
        for stem in sorted(set(stems[stems.map(same_on_disk).duplicated()]))
    ]
    problems += [f"  {one_line(path)}: {problem}" for path in slides if (problem := cell_problem(path.stem))]
    if problems:
        raise UserError("these slides can't be used:\n" + "\n".join(problems))
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
    """
    table = read_text_table(path)
    if missing := [name for name in ("slide", "patient", "grade") if name not in table.columns]:
        raise UserError(f"{path}: no column {', '.join(missing)}; it has {', '.join(table.columns)}")
    unsafe = [f"  {line}" for line in formulas(table, lambda row: f"row {row + 2}")]
    for name in table:
        table[name] = table[name].str.strip()
    stems = [Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name for name in table["slide"]]
    table.index = pd.Index(stems)
    rows = dict(zip(range(2, len(table) + 2), table.itertuples(), strict=True))
    problems = [f"  row {row}: no patient" for row, row_values in rows.items() if not row_values.patient]
    problems += [
        f"  row {row}: grade {row_values.grade!r} is not in classes={','.join(config.classes)}"
        for row, row_values in rows.items()
        if row_values.grade and row_values.grade not in config.classes
    ]
    problems += [
        f"  {one_line(stem)}: in more than one row"
        for stem in sorted(set(table.index[table.index.duplicated()]))
    ]
    problems += [f"  {line}" for line in mpp_problems(table.get("mpp", ()), lambda row: f"row {row + 2}")]
    problems += [*_column_problems(table), *unsafe]
    if config.data.patient_names == "ask" and (alike := family_problems(table["patient"], "slide")):
        problems += [f"  {line}" for line in alike]
        problems.append(f"  {WRITE_ONE_NAME}")
    problems += [f"  {one_line(slide.name)}: in no row" for slide in slides if slide.stem not in table.index]
    if problems:
        raise UserError(f"{path}: correct these rows:\n" + "\n".join(problems))
    return table


def _column_problems(table: pd.DataFrame) -> list[str]:
    """Columns that can't be carried into a manifest: it has its own, or a run that reads it writes them."""
    own = [name for name in table.columns if name in ("image", "sha256")]
    if reserved := [*own, *reserved_columns(table.columns)]:
        return [f"  columns {', '.join(reserved)}: the manifest or a run writes these; rename them"]
    return []


def each_slide(slides: Sequence[Path], process: Callable[[Path], None], description: str) -> list[str]:
    """Call ``process`` for every slide; a failed slide does not stop the others.

    Returns:
        One line for each failed slide.
    """
    failed = []
    for path in tqdm(slides, description, unit="slide"):
        try:
            process(path)
        except (SlideError, UserError) as error:
            failed.append(f"  {one_line(path)} {error}" if isinstance(error, SlideError) else f"  {error}")
            log.error("%s", failed[-1].strip())
    return failed


def read_exclusions(path: str | None) -> set[str]:
    """Read the names of images to exclude, one per line; ``#`` begins a comment.

    Raises:
        UserError: the file can't be read.
    """
    if path is None:
        return set()
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"exclude={path}: can't be read: {error}") from None
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}
