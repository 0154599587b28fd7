"""Read a table that names the files to grade, with the patient and the size of the pixels of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from livergrade.config.schema import NamedConfig
from livergrade.errors import UserError
from livergrade.io.file_kind import SLIDE, of_image_column
from livergrade.io.inside import Inside, OutsideError
from livergrade.io.named_files import FILE_SUFFIXES, as_named, suffix_advice
from livergrade.io.on_disk import OnDisk, SpellingError
from livergrade.io.pixel_size import read_mpp
from livergrade.io.regular_files import is_regular
from livergrade.io.user_tables import UserTable, Wanted, column_advice, columns_of_files, read_user_table
from livergrade.io.visible import one_line, shown

TABLES = (
    *(".csv", ".tsv", ".txt", ".xlsx", ".xlsm"),
    *(".xls", ".xlsb", ".ods", ".numbers", ".json", ".parquet", ".feather", ".sav"),
)
"""Suffixes of tables; those of the second line are read by no means, which the reader says."""


@dataclass(frozen=True)
class Named:
    """What was said of the tables that name files.

    Attributes:
        columns: ``data.columns``.
        suffix: ``data.suffix``.
    """

    columns: Mapping[str, str | None] = field(default_factory=dict)
    suffix: str | None = None


AS_IT_IS = Named()


@dataclass(frozen=True)
class NamedFile:
    """A file as it was named: ``kind`` and ``mpp`` as a table says them, empty and None without one."""

    path: Path
    patient: str = ""
    kind: str = ""
    mpp: float | None = None


def named_by(options: NamedConfig) -> Named:
    """What the options ``data.*`` of a command say of tables."""
    return Named(vars(options.columns), options.suffix)


def files_of_table(path: Path, named: Named, errors: list[str], *, outside: bool) -> Iterator[NamedFile]:
    """The files that a table names in its column ``image``, else ``slide``.

    Args:
        path: the table.
        named: what was said of it.
        errors: what is wrong with it is added here, a line each.
        outside: whether the files may lie outside of its folder.
    """
    columns = {name: said for name, said in named.columns.items() if said}
    wanted = Wanted(("image", "slide", "patient", "mpp"), (), columns, "data.columns", {"mpp": read_mpp})
    try:
        table = read_user_table(path, wanted)
    except UserError as error:
        errors.append(f"  {error}")
        return
    errors += [f"  {path}, {line}" for line in table.problems]
    column = next((name for name in ("image", "slide") if name in table.cells), None)
    if not column:
        listed = shown(", ".join(map(str, table.cells)), 300)
        cells = {str(name): table.cells[name].tolist() for name in table.cells}
        advice = column_advice(["image"], list(cells), wanted.option, columns_of_files(cells))
        errors.append(f"  {path}: has no column image or slide; it has {listed}{advice}")
        return
    blank = [""] * len(table.cells)
    patients, sizes = (table.cells.get(name, blank) for name in ("patient", "mpp"))
    below, on_disk = Inside(path.parent, outside=outside), OnDisk(path.parent)
    for row, (name, patient, mpp) in enumerate(zip(table.cells[column], patients, sizes, strict=True)):
        whole = as_named(str(name).strip(), below.root, named.suffix, FILE_SUFFIXES)
        file = _file(table, row, whole, below, on_disk, errors)
        if file:
            kind = SLIDE if column == "slide" else of_image_column(file)
            yield NamedFile(file, patient.strip(), kind, _size(mpp))


def _file(
    table: UserTable, row: int, name: str, below: Inside, on_disk: OnDisk, errors: list[str]
) -> Path | None:
    """The file that a row of a table names; an error is added if there is none."""
    where = f"  {table.path}, {table.where(row)}"
    if not name:
        errors.append(f"{where}: the name of the file is blank")
        return None
    try:
        below.path(name)
        file = below.root / on_disk.name(name)
    except (OutsideError, SpellingError) as error:
        errors.append(f"{where}: {one_line(name)} {error}")
        return None
    if not is_regular(file):
        advice = suffix_advice(name, below.root, FILE_SUFFIXES)
        errors.append(f"{where}: {one_line(file.absolute())} does not exist{advice}")
        return None
    return file


def _size(mpp: str) -> float | None:
    """µm per pixel; None where the cell is blank, or can't be read, as the table's problems say."""
    try:
        return read_mpp(mpp)
    except ValueError:
        return None
