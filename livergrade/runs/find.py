"""Find the finished runs in given folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.regular_files import is_folder
from livergrade.io.visible import shown
from livergrade.runs.paths import job_order
from livergrade.runs.run import Run


def find_runs(folders: Sequence[str | Path]) -> tuple[list[Run], list[str]]:
    """Find all runs in these folders; each is a run folder or contains runs, like the folder of a sweep.

    Returns:
        The finished runs in the order given and by job number, and one line for each unfinished run.

    Raises:
        UserError: a folder is missing or holds no finished run, or a run has another format; all are listed.
    """
    runs: dict[Path, Run] = {}
    unfinished, errors = [], []
    for path in map(Path, folders):
        if not is_folder(path):
            errors.append(f"{shown(path)}: there is no such folder")
            continue
        count_before = len(runs)
        for folder in _run_folders(path.absolute()):
            run = Run(folder)
            if run.finished:
                try:
                    runs.setdefault(folder, run).config  # noqa: B018 - read now, to list all errors together
                except UserError as error:
                    errors.append(str(error))
            else:
                unfinished.append(f"{folder}: not finished")
        if len(runs) == count_before:
            errors.append(f"{path}: holds no finished run")
    if errors or not folders:
        lines = errors or ["no folder was given; name runs or a sweep's folder"]
        raise UserError("nothing to compare:\n" + "\n".join(f"  {line}" for line in lines))
    return list(runs.values()), unfinished


def _run_folders(folder: Path) -> Iterator[Path]:
    """The folder itself if it is a run, else the runs at any depth below it; none in a run or set aside."""
    if os.path.lexists(folder / "config.yaml"):
        yield folder
        return
    subfolders = [
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith((".", "_", "earlier_start_"))
    ]
    for path in sorted(subfolders, key=job_order):
        yield from _run_folders(path)
