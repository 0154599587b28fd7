"""``finished.json``: when a run was finished, and the SHA-256 of each file that it was finished with.

Files of two runs look alike: the folds of a cross-validation have the same names, columns and options. A file
that was copied from another run, changed or cut since would be taken for the run's own, and a network be
tested on patients that it was trained on.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TypedDict

from livergrade.errors import UserError
from livergrade.io.files import write_json
from livergrade.io.json_files import FACTS, read_json
from livergrade.io.kept import file_sha256
from livergrade.io.regular_files import is_regular
from livergrade.io.visible import shown

NAME = "finished.json"
FILES = (
    *("config.yaml", "split.csv", "predictions.csv", "metrics.json", "calibration.json", "environment.json"),
    *("appearance.json", "appearance.csv", "scale.json", "history.csv", "checkpoints/best.ckpt"),
)
"""Files of a run that are read again: a run has all of them, or all but some."""
_FIX = "put the run's own file back, or train the run again"


class Finished(TypedDict):
    """Content of ``finished.json``.

    Attributes:
        finished: when, ISO 8601 with the time zone.
        files: SHA-256 of each of :data:`FILES` that there is, by its name in the folder.
    """

    finished: str
    files: dict[str, str]


def mark_finished(run: Path) -> None:
    """Write ``finished.json`` as the last file; without it the run is incomplete."""
    content: Finished = {
        "finished": datetime.now().astimezone().isoformat(),
        "files": {name: file_sha256(run / name) for name in FILES if is_regular(run / name)},
    }
    write_json(content, run / NAME)


def read_finished(run: Path) -> Finished:
    """Read ``finished.json`` of a run.

    Raises:
        UserError: it is missing, or damaged: empty, cut or of another format.
    """
    fix = f"remove it, and finish the run with train.resume={run}; remove the folder of an evaluation"
    return read_json(run / NAME, Finished, limit=FACTS, fix=fix)


def refuse_replaced(run: Path, name: str) -> None:
    """Check that a file is the one that a run was finished with; of a run that is not finished, nothing.

    Args:
        run: the run's folder.
        name: one of :data:`FILES`, after it was read.

    Raises:
        UserError: it has other bytes now, is missing, or there was none; or ``finished.json`` is damaged.
    """
    if not os.path.lexists(run / NAME):
        return
    path, known = run / name, read_finished(run)["files"].get(name)
    if not os.path.lexists(path):
        if known:
            raise UserError(f"{shown(path)}: is missing, and the run was finished with it; {_FIX}")
        return
    if known is None:
        raise UserError(
            f"{shown(path)}: does not belong to this run: {NAME} has no such file; move it away, or train "
            "the run again"
        )
    try:
        found = file_sha256(path)
    except OSError as error:
        raise UserError(f"{shown(path)}: can't be read ({error.strerror}); {_FIX}") from None
    if found != known:
        raise UserError(
            f"{shown(path)}: is not the file that the run was finished with (SHA-256 {shown(found, 16)}, and "
            f"{shown(known, 16)} in {NAME}): it was changed, cut or copied from another run; {_FIX}"
        )


def is_replaced(run: Path, name: str) -> bool:
    """Whether :func:`refuse_replaced` refuses a file."""
    try:
        refuse_replaced(run, name)
    except UserError:
        return True
    return False
