"""Which finished runs lie in folders that somebody names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from livergrade.errors import UserError
from livergrade.runs.paths import job_order
from livergrade.runs.run import Run


def find_runs(folders: Sequence[str | Path]) -> tuple[list[Run], list[str]]:
    """Every run in these folders, each a run's own or one that holds runs, as a sweep's does.

    Returns:
        The finished runs in the order given and by job number, and a line for each that is not finished.

    Raises:
        UserError: a folder is not there or holds no finished run, or a run is of another format; all are
            listed.
    """
    runs: dict[Path, Run] = {}
    unfinished, found = [], []
    for given in map(Path, folders):
        if not given.is_dir():
            found.append(f"{given}: there is no such folder")
            continue
        before = len(runs)
        for folder in _run_folders(given.absolute()):
            run = Run(folder)
            if run.finished:
                try:
                    runs.setdefault(folder, run).config  # noqa: B018 - read now, for all to be listed at once
                except UserError as error:
                    found.append(str(error))
            else:
                unfinished.append(f"{folder}: not finished")
        if len(runs) == before:
            found.append(f"{given}: holds no finished run")
    if found or not folders:
        lines = found or ["no folder was given; name runs or a sweep's folder"]
        raise UserError("nothing to compare:\n" + "\n".join(f"  {line}" for line in lines))
    return list(runs.values()), unfinished


def _run_folders(folder: Path) -> Iterator[Path]:
    """The folder itself, or the runs at any depth below it; not what lies inside a run."""
    if (folder / "config.yaml").is_file():
        yield folder
        return
    below = [path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"]
    for path in sorted(below, key=job_order):
        yield from _run_folders(path)
