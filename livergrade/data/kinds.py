"""Every kind of cohort as one entry of :data:`KINDS`: which options it takes, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from livergrade.config.schema import DataConfig
from livergrade.data.cohort import Cohort, cache_root, from_folder, from_manifest
from livergrade.data.synthetic.cohort import synthetic_cohort
from livergrade.errors import UserError


@dataclass(frozen=True)
class CohortKind:
    """One entry.

    Attributes:
        read: makes the cohort of ``data.*``.
        needs: options of ``data`` that it can't do without; the first tells what it is read from.
        takes: options of ``data`` that it takes beyond those and the ones that every kind takes.
        asks: what ``needs`` are and how they are given, for the message.
    """

    read: Callable[[DataConfig], Cohort]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    asks: str = ""


def _manifest(options: DataConfig) -> Cohort:
    return from_manifest(
        Path(options.manifest or ""),
        options.classes,
        Path(options.root) if options.root else None,
        cache_root(options) / "fingerprints",
        mixed=options.mixed_grades,
        outside=options.outside,
    )


def _folder(options: DataConfig) -> Cohort:
    return from_folder(
        Path(options.root or ""),
        options.patient_pattern or "",
        options.classes,
        cache_root(options) / "fingerprints",
        mixed=options.mixed_grades,
        outside=options.outside,
    )


def _synthetic(options: DataConfig) -> Cohort:
    drawn = options.synthetic
    try:
        manifest = synthetic_cohort(cache_root(options), seed=drawn.seed, scale=drawn.scale)
    except OSError as error:
        raise UserError(f"the embedded cohort can't be drawn: {error}; set data.cache_dir=<folder>") from None
    return from_manifest(manifest, options.classes, memory=cache_root(options) / "fingerprints")


KINDS: dict[str, CohortKind] = {
    "synthetic": CohortKind(_synthetic),
    "manifest": CohortKind(
        _manifest, ("manifest",), ("root",), "the CSV file, as in data.manifest=cohort.csv"
    ),
    "folder": CohortKind(
        _folder,
        ("root", "patient_pattern"),
        asks="both, as in data.root=images \"data.patient_pattern='(?P<patient>P\\d+)'\"",
    ),
}
"""Each kind by its name on the command line, ``data=<name>``."""


def cohort_problems(options: DataConfig) -> list[str]:
    """What is wrong with the options of a cohort; a line each."""
    if options.name not in KINDS:
        return [f"data.name={options.name}: must be one of {', '.join(KINDS)}"]
    kind = KINDS[options.name]
    found = []
    for key in sorted({key for each in KINDS.values() for key in (*each.needs, *each.takes)}):
        users = [name for name, each in KINDS.items() if key in (*each.needs, *each.takes)]
        if (value := getattr(options, key)) and options.name not in users:
            found.append(
                f"data.{key}={value}: has no effect with data={options.name}; set data={' or '.join(users)}"
            )
    if not all(getattr(options, key) for key in kind.needs):
        found.append(
            f"{', '.join(f'data.{key}' for key in kind.needs)}: data={options.name} needs {kind.asks}"
        )
    return found


def read_cohort(options: DataConfig) -> Cohort:
    """Read the cohort that ``data.name`` names.

    Raises:
        UserError: with every problem of the options, or else of the cohort, one a line.
    """
    if found := cohort_problems(options):
        raise UserError("these options can't be used:\n" + "\n".join(f"  {line}" for line in found))
    return KINDS[options.name].read(options)
