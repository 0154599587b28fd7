"""Which slides are prepared, what a table says of them, and what happens to one that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError
from livergrade.io.slide_reader import SUFFIXES, SlideError
from livergrade.io.tables import formulas, read_text_table

log = logging.getLogger(__name__)


def find_slides(given: Sequence[str]) -> list[Path]:
    """The slide files that are named, or lie in a folder that is.

    Raises:
        UserError: a name is not there, a folder has none, or two slides have one name.
    """
    found, missing = [], []
    for path in map(Path, given):
        if path.is_dir():
            inside = sorted(
                one for one in path.iterdir() if one.suffix.lower() in SUFFIXES and one.name[0] != "."
            )
            found += inside
            if not inside:
                missing.append(f"  {path}: holds no slide ({', '.join(SUFFIXES)})")
        elif path.is_file():
            found.append(path)
        else:
            missing.append(f"  {path}: there is no such file or folder")
    stems = pd.Series([path.stem for path in found], dtype=str)
    missing += [
        f"  {stem}: more than one slide has this name" for stem in sorted(set(stems[stems.duplicated()]))
    ]
    if missing:
        raise UserError("these slides can't be used:\n" + "\n".join(missing))
    return found


def read_table(path: Path, slides: Sequence[Path], config: PrepareConfig) -> pd.DataFrame:
    """The slide table, by the slides' names without ending.

    Raises:
        UserError: it lacks columns, or slides, or has blank patients or unknown grades; all rows are listed.
    """
    table = read_text_table(path)
    if missing := [name for name in ("slide", "patient", "grade") if name not in table.columns]:
        raise UserError(f"{path}: no column {', '.join(missing)}; it has {', '.join(table.columns)}")
    for name in table:
        table[name] = table[name].str.strip()
    stems = [Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name for name in table["slide"]]
    table.index = pd.Index(stems)
    rows = dict(zip(range(2, len(table) + 2), table.itertuples(), strict=True))
    wrong = [f"  row {row}: no patient" for row, told in rows.items() if not told.patient]
    wrong += [
        f"  row {row}: grade {told.grade!r} is not in classes={','.join(config.classes)}"
        for row, told in rows.items()
        if told.grade and told.grade not in config.classes
    ]
    wrong += [
        f"  {stem}: in more than one row" for stem in sorted(set(table.index[table.index.duplicated()]))
    ]
    wrong += [f"  {line}" for line in formulas(table, lambda row: f"row {row + 2}")]
    wrong += [f"  {slide.name}: in no row" for slide in slides if slide.stem not in table.index]
    if wrong:
        raise UserError(f"{path}: correct these rows:\n" + "\n".join(wrong))
    return table


def each_slide(slides: Sequence[Path], one: Callable[[Path], None], doing: str) -> list[str]:
    """Do something to every slide; one that fails stops no other.

    Returns:
        A line for each slide that failed.
    """
    failed = []
    for path in tqdm(slides, doing, unit="slide"):
        try:
            one(path)
        except (SlideError, UserError) as error:
            failed.append(f"  {path} {error}" if isinstance(error, SlideError) else f"  {error}")
            log.error("%s", failed[-1].strip())
    return failed


def read_exclusions(path: str | None) -> set[str]:
    """Names of images to leave out, one a line; ``#`` begins a comment.

    Raises:
        UserError: the file can't be read.
    """
    if path is None:
        return set()
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"exclude={path}: can't be read: {error}") from None
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}
