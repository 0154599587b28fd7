"""Which names are one patient: what the user said of it, applied to a cohort, and kept in the run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from livergrade.config.schema import DataConfig
from livergrade.errors import UserError
from livergrade.io.files import atomic_write
from livergrade.io.patient_names import family_problems, name_families, patient_key, quoted
from livergrade.io.regular_files import MEGABYTE, is_regular, read_regular
from livergrade.io.user_tables import UserTable, Wanted, read_user_table

COLUMNS = ("patient", "same_as")
KEPT = "patient_alias.csv"
"""Name of the copy in a run's folder, which is used whenever the run's cohort is read again."""

_LARGEST = 256 * MEGABYTE
_WHAT_TO_TYPE = (
    "to continue: where they are one person, give data.patient_alias=<CSV with the columns "
    f"{', '.join(COLUMNS)}>, a row for each spelling and the one to keep (livergrade.check writes such a "
    "table); where they are different people, data.patient_names=exact"
)
_FIX = f"give data.patient_alias=<CSV with the columns {', '.join(COLUMNS)}>"


@dataclass(frozen=True)
class PatientAlias:
    """Names that the user said are one patient.

    Attributes:
        content: the bytes of its file, for the record of the run.
        table: the table, with the columns ``patient`` and ``same_as``.
    """

    content: bytes
    table: UserTable

    @property
    def rows(self) -> pd.DataFrame:
        """The columns ``patient`` and ``same_as``, as text."""
        return self.table.cells[list(COLUMNS)]

    def names(self, known: Collection[str] | None = None) -> tuple[dict[str, str], list[str]]:
        """Resolve the rows.

        Args:
            known: the names of the cohort; a row that names another is a problem. None: not checked.

        Returns:
            Each name with the name that it gets, where these differ, and the problems, one line each.
        """
        path, where = self.table.path, self.table.where
        problems = [f"{path}: {line}" for line in self.table.problems]
        given: dict[str, str] = {}
        row_of: dict[str, int] = {}
        for row, cells in enumerate(zip(self.rows["patient"], self.rows["same_as"], strict=True)):
            name, same = (cell if known and cell in known else cell.strip() for cell in cells)
            found = _row_problems(name, same, known)
            if not found and given.setdefault(name, same) != same:
                found.append(
                    f"{quoted(name)} is the same as {quoted(same)} here, and as {quoted(given[name])} in "
                    f"{where(row_of[name])}"
                )
            elif not found:
                row_of.setdefault(name, row)
            problems += [f"{path}: {where(row)}: {reason}" for reason in found]
        last, rings = _ends(given)
        for ring in rings:
            listed = ", ".join(f"{where(row_of[name])}: {quoted(name)}" for name in ring)
            problems.append(
                f"{path}: {listed}: each is the same as the next, in a ring, so that none is the "
                "patient's name; leave out the row of the one that is"
            )
        return last, problems

    def keep(self, run: Path) -> None:
        """Write the table into the folder of a run, byte for byte."""
        with atomic_write(run / KEPT) as part:
            part.write_bytes(self.content)


def _row_problems(name: str, same: str, known: Collection[str] | None) -> list[str]:
    if blank := [column for column, cell in zip(COLUMNS, (name, same), strict=True) if not cell]:
        return [f"{', '.join(blank)} is blank"]
    if known is None:
        return []
    problems = []
    for column, cell in zip(COLUMNS, (name, same), strict=True):
        if cell not in known:
            alike = [quoted(other) for other in sorted(known) if patient_key(other) == patient_key(cell)]
            hint = f"; it has {', '.join(alike)}" if alike else ""
            problems.append(f"{column} {quoted(cell)} is not a patient of the cohort{hint}")
    return problems


def _ends(given: Mapping[str, str]) -> tuple[dict[str, str], list[list[str]]]:
    """Follow each name to the end of its chain; and the rings, which have no end."""
    last: dict[str, str] = {}
    rings: list[list[str]] = []
    for start in given:
        chain: list[str] = []
        passed: set[str] = set()
        name = start
        while name not in passed and name not in last and given.get(name, name) != name:
            chain.append(name)
            passed.add(name)
            name = given[name]
        if name in passed:
            rings.append(chain[chain.index(name) :])
        last |= dict.fromkeys(chain, last.get(name, name))
    return {name: end for name, end in last.items() if name != end}, rings


def read_alias(path: Path, *, links: bool = True) -> PatientAlias:
    """Read a table of names that are one patient.

    Args:
        path: the table.
        links: whether it may be a link that leads out of its folder, as in a run it may not.

    Raises:
        UserError: the file can't be read, or lacks a column.
    """
    content = read_regular(path, _LARGEST, fix=_FIX, called="a table of patients", links=links)
    try:
        return PatientAlias(content, read_user_table(path, Wanted(COLUMNS, COLUMNS)))
    except UserError as error:
        raise UserError(f"{error}; {_FIX}") from None


@dataclass(frozen=True)
class PatientNames:
    """What the user said of the patients' names.

    Attributes:
        alias: names that are one patient, ``data.patient_alias``.
        exact: whether all other names are different patients, ``data.patient_names=exact``; else names that
            differ only in spelling are a problem.
    """

    alias: PatientAlias | None = None
    exact: bool = False

    def applied(self, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        """Give each patient of a cohort one name.

        Returns:
            The cohort with these names, and the problems, one line each.
        """
        problems: list[str] = []
        if self.alias:
            replaced, problems = self.alias.names(set(table["patient"]))
            table = table.assign(patient=[replaced.get(name, name) for name in table["patient"]])
        spellings = [] if self.exact else family_problems(table["patient"])
        if spellings:
            spellings[-1] += f"\n  {_WHAT_TO_TYPE}"
        return table, problems + spellings

    def suggested(self, patients: pd.Series[str]) -> pd.DataFrame:
        """A table by which all spellings of a name are one patient, the most frequent; to be checked.

        Args:
            patients: the patient of each image, as `applied` gives it.

        Returns:
            The columns of `COLUMNS`: the rows of the table that was given, and those that it lacks.
        """
        given = (
            [*zip(self.alias.rows["patient"], self.alias.rows["same_as"], strict=True)] if self.alias else []
        )
        lacking = [(name, kept) for kept, *others in name_families(patients) for name in others]
        return pd.DataFrame(given + lacking if lacking else [], columns=list(COLUMNS))


class CohortError(UserError):
    """A cohort that can't be used.

    Args:
        message: all its problems, one per line.
        suggested: a table ``data.patient_alias`` that takes all spellings of a name for one patient; empty if
            there are none.
    """

    def __init__(self, message: str, suggested: pd.DataFrame) -> None:
        super().__init__(message)
        self.suggested = suggested


def patient_names(options: DataConfig, run: Path | None = None) -> PatientNames:
    """Read what the options say of the patients' names.

    Args:
        options: the options ``data.*``.
        run: folder of the run whose options these are; its own copy of the table is read, whatever now lies
            where the run found the table.

    Raises:
        UserError: the table can't be read.
    """
    alias = None
    if options.patient_alias:
        alias = read_alias(run / KEPT, links=False) if run else read_alias(Path(options.patient_alias))
    return PatientNames(alias, options.patient_names == "exact")


def refuse_changed_alias(options: DataConfig, run: Path) -> None:
    """Compare the table with the one that a run was started with. One that is gone was not changed.

    Args:
        options: the options ``data.*`` of this start.
        run: folder of the run.

    Raises:
        UserError: they are not equal byte for byte.
    """
    path = Path(options.patient_alias or "")
    if not options.patient_alias or not is_regular(path):
        return
    fix = "restore it, or start a new run"
    now = read_regular(path, _LARGEST, fix=fix, called="a table of patients", links=True)
    if now != read_regular(run / KEPT, _LARGEST, fix="train the run again", called="a table of patients"):
        raise UserError(
            f"data.patient_alias={path}: was changed since this run was started, which keeps it as "
            f"{run / KEPT}; {fix}"
        )
