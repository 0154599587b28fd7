"""What a person names to be graded: images and slides, by file, folder, pattern or CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import pandas as pd

from livergrade.errors import UserError
from livergrade.io.images import SUFFIXES as IMAGE_SUFFIXES
from livergrade.io.slide_reader import SUFFIXES as SLIDE_SUFFIXES
from livergrade.io.slide_reader import is_slide
from livergrade.io.tables import FORMULA, formulas, read_text_table


@dataclass(frozen=True)
class Input:
    """One file to grade.

    Attributes:
        path: the file.
        patient: whose it is, blank if nobody said.
        slide: it is a whole slide and no image.
        mpp: µm a pixel that a table gives for a slide.
    """

    path: Path
    patient: str
    slide: bool
    mpp: float | None = None


def find_inputs(given: Sequence[str]) -> list[Input]:
    """Everything that is named, each file once.

    Raises:
        UserError: names that match nothing, or tables that can't be read; all are listed.
    """
    found: dict[Path, Input] = {}
    wrong: list[str] = []
    for name in given:
        paths = [Path(one) for one in sorted(glob(name, recursive=True))] or [Path(name)]  # noqa: PTH207
        for path in paths:
            kind = _kind(path)
            if kind == "folder":
                inside = [one for one in sorted(path.rglob("*")) if _gradable(one)]
                if not inside:
                    wrong.append(f"  {path}: holds no image and no slide")
                named: Iterator[Input] = iter([Input(one, "", is_slide(one)) for one in inside])
            elif path.suffix.lower() == ".csv" and kind:
                named = _from_table(path, wrong)
            elif kind == "file":
                named = iter([Input(path, "", is_slide(path))])
            else:
                wrong.append(f"  {name}: there is no such file or folder")
                continue
            for one in named:
                if FORMULA.match(str(one.path)):
                    wrong.append(f"  {one.path}: is a formula to a spreadsheet; type ./{one.path}")
                found.setdefault(one.path.absolute(), one)
    slides = pd.Series([one.path.stem for one in found.values() if one.slide], dtype=str)
    twice = sorted(set(slides[slides.duplicated()]))
    wrong += [
        f"  {stem}: more than one slide has this name; grade them into folders of their own" for stem in twice
    ]
    if wrong or not found:
        raise UserError("these can't be graded:\n" + "\n".join(wrong or ["  nothing was named"]))
    return list(found.values())


def _kind(path: Path) -> str:
    """``file``, ``folder``, or blank where there is neither, or no such name can be."""
    try:
        return "folder" if path.is_dir() else "file" if path.is_file() else ""
    except OSError:  # too long for the disk
        return ""


def _gradable(path: Path) -> bool:
    known = path.suffix.lower() in (*IMAGE_SUFFIXES, *SLIDE_SUFFIXES)
    return known and path.is_file() and not path.name.startswith(".")


def _from_table(path: Path, wrong: list[str]) -> Iterator[Input]:
    try:
        table = read_text_table(path)
    except UserError as error:
        wrong.append(f"  {error}")
        return
    wrong += [f"  {path}, {line}" for line in formulas(table, lambda row: f"row {row + 2}")]
    columns = [name for name in ("image", "slide") if name in table.columns]
    if not columns:
        wrong.append(f"  {path}: has no column image or slide")
        return
    for row, told in enumerate(table.to_dict("records"), 2):
        file = path.parent / str(told[columns[0]]).strip()
        if _kind(file) != "file":
            wrong.append(f"  {path}, row {row}: {file} does not exist")
            continue
        slide = columns[0] == "slide" or is_slide(file)
        mpp = str(told.get("mpp", "")).strip() if slide else ""
        try:
            yield Input(file, str(told.get("patient", "")).strip(), slide, float(mpp) if mpp else None)
        except ValueError:
            wrong.append(f"  {path}, row {row}: mpp {mpp!r} is no number")
