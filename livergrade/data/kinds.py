"""Registry of cohort kinds, :data:`KINDS`: the options of each kind, and the function that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from livergrade.config.schema import DataConfig, TrainConfig
from livergrade.config.validation import raise_if_invalid
from livergrade.data.cohort import Cohort, from_folder, from_manifest
from livergrade.data.manifest import TableOptions
from livergrade.data.patient_alias import PatientNames, patient_names, refuse_changed_alias
from livergrade.data.synthetic.cohort import synthetic_cohort
from livergrade.errors import UserError
from livergrade.io.cache_folder import cache_folder
from livergrade.io.grade_map import grade_map
from livergrade.io.images import SUFFIXES
from livergrade.io.named_files import suffix_problem
from livergrade.io.similar import similar


@dataclass(frozen=True)
class CohortKind:
    """One kind of cohort.

    Attributes:
        read: function that reads the cohort from the options ``data.*``, those of patients' names read.
        needs: required options of ``data``; the first is the source of the cohort.
        takes: optional options of ``data`` besides those that every kind accepts.
        asks: description and example of ``needs``, for the error message.
    """

    read: Callable[[DataConfig, PatientNames], Cohort]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    asks: str = ""


def _manifest(options: DataConfig, names: PatientNames) -> Cohort:
    return from_manifest(
        Path(options.manifest or ""),
        options.classes,
        Path(options.root) if options.root else None,
        cache_folder(options.cache_dir) / "fingerprints",
        mixed=options.mixed_grades,
        outside=options.outside,
        names=names,
        table=TableOptions(
            vars(options.columns), grade_map(options.grades), options.suffix, options.patient_pattern
        ),
        reading=options.reading(),
    )


def _folder(options: DataConfig, names: PatientNames) -> Cohort:
    return from_folder(
        Path(options.root or ""),
        options.patient_pattern or "",
        options.classes,
        cache_folder(options.cache_dir) / "fingerprints",
        mixed=options.mixed_grades,
        outside=options.outside,
        names=names,
        grades=grade_map(options.grades),
        reading=options.reading(),
    )


def _synthetic(options: DataConfig, names: PatientNames) -> Cohort:
    synthetic = options.synthetic
    try:
        folder = cache_folder(options.cache_dir)
        manifest = synthetic_cohort(folder, seed=synthetic.seed, scale=synthetic.scale)
    except OSError as error:
        raise UserError(
            f"the embedded cohort can't be generated: {error}; set data.cache_dir=<folder>"
        ) from None
    return from_manifest(manifest, options.classes, memory=folder / "fingerprints", names=names)


KINDS: dict[str, CohortKind] = {
    "synthetic": CohortKind(_synthetic),
    "manifest": CohortKind(
        _manifest,
        ("manifest",),
        ("root", "patient_pattern", "patient_alias", "columns", "grades", "suffix", "bits", "mpp"),
        "the CSV file, as in data.manifest=cohort.csv",
    ),
    "folder": CohortKind(
        _folder,
        ("root", "patient_pattern"),
        ("patient_alias", "grades", "bits", "mpp"),
        asks="both, as in data.root=images \"data.patient_pattern='(?P<patient>P\\d+)'\"",
    ),
}
"""Cohort kinds by their name on the command line, ``data=<name>``."""


def cohort_problems(options: DataConfig) -> list[str]:
    """Problems of the options of a cohort, one line each."""
    if options.name not in KINDS:
        return [f"data.name={options.name}: {similar(options.name, KINDS)}"]
    kind = KINDS[options.name]
    problems = suffix_problem(options.suffix, SUFFIXES)
    for key in sorted({key for entry in KINDS.values() for key in (*entry.needs, *entry.takes)}):
        users = [name for name, entry in KINDS.items() if key in (*entry.needs, *entry.takes)]
        if (value := _given(options, key)) and options.name not in users:
            problems.append(
                f"data.{key}={value}: has no effect with data={options.name}; set data={' or '.join(users)}"
            )
    if not all(getattr(options, key) for key in kind.needs):
        problems.append(
            f"{', '.join(f'data.{key}' for key in kind.needs)}: data={options.name} needs {kind.asks}"
        )
    return problems


def _given(options: DataConfig, key: str) -> object:
    """The value of an option; of the columns those that were given."""
    value = getattr(options, key)
    return {name: said for name, said in vars(value).items() if said} if key == "columns" else value


def read_cohort(options: DataConfig, *, outside: bool = False, run: Path | None = None) -> Cohort:
    """Read the cohort of kind ``data.name``.

    Args:
        options: the options ``data.*``, perhaps from a run's folder.
        outside: whether ``data.outside=true`` was typed with this command. What ``options`` say of it does
            not count, since anybody may have written them.
        run: folder of the run whose options these are, which has its own copy of ``data.patient_alias``;
            None: the options were typed.

    Raises:
        UserError: with all problems of the options, else of the cohort, one per line.
    """
    raise_if_invalid(cohort_problems(options))
    return KINDS[options.name].read(replace(options, outside=outside), patient_names(options, run))


def open_cohort(config: TrainConfig) -> Cohort:
    """Read the cohort of a training run; a resumed run keeps the names of its patients.

    Raises:
        UserError: the cohort can't be read, or the table of names was changed since the run was started.
    """
    before = Path(config.train.resume) if config.train.resume else None
    if before:
        refuse_changed_alias(config.data, before)
    return read_cohort(config.data, outside=config.data.outside, run=before)
