"""A sweep as one experiment: what is finished is not run again, what failed is told, the rest compared.

Hydra runs the jobs, each on its own; nothing here starts one. A job looks at its folder when it starts, and
the command that started the sweep looks at all the folders when it ends. Imports are light: every command has
them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, CompareConfig, TrainConfig
from livergrade.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Started:
    """The sweep that this process started: its folder, and each job's overrides where they are known."""

    folder: Path
    jobs: list[list[str]]


_started: list[Started] = []


class Sweep(Callback):
    """Told by Hydra that a sweep starts."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Note the sweep's folder and its jobs."""
        jobs: list[list[str]] = []
        if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            typed = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
            (jobs,) = BasicSweeper.split_arguments(typed, None)
        _started[:] = [Started(Path(config.hydra.sweep.dir).absolute(), jobs)]


# ── of a job ─────────────────────────────────────────────────────────────────────────────────────────────


def finished_before(run: Path, config: TrainConfig) -> bool:
    """Whether an earlier start of a job finished it; otherwise ready the folder for it to go on.

    A job that was interrupted goes on where it was last saved: ``config.train.resume`` is set. One that
    failed, or was not saved yet, starts anew.

    Raises:
        UserError: the folder holds a job of other options.
    """
    stored, failed = run / "config.yaml", (run / "failed.json").is_file()
    if stored.is_file():
        _refuse_other_options(stored, config)
        if (run / "finished.json").is_file():
            return True
        if (run / "checkpoints" / "last.ckpt").is_file() and not failed:
            config.train.resume = str(run)
            return False
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return False  # one process of a run readies the folder for all
    for left in ("checkpoints", "tensorboard"):
        shutil.rmtree(run / left, ignore_errors=True)
    stored.unlink(missing_ok=True)
    (run / "failed.json").unlink(missing_ok=True)
    return False


def _refuse_other_options(stored: Path, config: TrainConfig) -> None:
    there = OmegaConf.load(stored)
    now = {key: value for key, _, value in options(config)}
    keys = [key for key in now if key not in MACHINE and OmegaConf.select(there, key) != now[key]]
    if keys:
        before = {key: OmegaConf.select(there, key, default="unknown") for key in keys}
        lines = [f"  {key}: {before[key]} there, {now[key]} now" for key in keys]
        raise UserError(
            f"{stored.parent}: holds a job of other options; leave out hydra.sweep.dir for a sweep of its "
            "own:\n" + "\n".join(lines)
        )


def note_failure(run: Path, error: Exception, overrides: list[str]) -> None:
    """Write ``failed.json`` into a job's folder."""
    from livergrade.io.files import write_json

    told = {
        "job": overrides,
        "error": type(error).__name__,
        "message": str(error),
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    write_json(told, run / "failed.json")


# ── of the whole sweep ───────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def concluded(command: str) -> Iterator[None]:
    """Where a command turns out to be a sweep, say at its end what failed, and compare what did not.

    Args:
        command: what was typed.
    """
    _started.clear()
    stopped = False
    try:
        yield
    except KeyboardInterrupt:
        stopped = True
        raise
    except SystemExit as end:
        stopped = end.code not in (None, 0, 1)
        raise
    finally:
        if _started:
            _conclude(_started[0], command, stopped=stopped)


def _conclude(sweep: Started, command: str, *, stopped: bool) -> None:
    if not sweep.folder.is_dir():
        return
    # The jobs' own logs are closed and Hydra's lines are dated; these are for the screen.
    logging.basicConfig(format="%(message)s", stream=sys.stdout, level=logging.INFO, force=True)
    failed = sorted(sweep.folder.glob("*/failed.json"), key=lambda path: job_order(path.parent))
    finished = sorted(sweep.folder.glob("*/finished.json"), key=lambda path: job_order(path.parent))
    open_jobs = _not_finished(sweep, {path.parent for path in (*failed, *finished)})
    for title, lines in (("failed", [_failure(path) for path in failed]), ("not finished", open_jobs)):
        if lines:
            total = len(sweep.jobs) or len(failed) + len(finished) + len(open_jobs)
            log.error("\n%d of %d jobs %s:\n%s", len(lines), total, title, "\n".join(lines))
    if failed or open_jobs:
        log.error(
            "Each folder's train.log says more. The same command with hydra.sweep.dir=%s runs what is "
            "missing.",
            sweep.folder,
        )
    if len(finished) > 1 and not stopped:
        from livergrade.multirun.comparison import write_comparison_results

        try:
            write_comparison_results(
                CompareConfig(runs=[str(path.parent) for path in finished]),
                sweep.folder / "comparison",
                command,
            )
        except UserError as error:
            log.error("no comparison: %s", error)


def _failure(path: Path) -> str:
    told = json.loads(path.read_text("utf-8"))
    return f"  {path.parent.name}: {textwrap.shorten(told['message'] or told['error'], 300)}"


def _not_finished(sweep: Started, known: set[Path]) -> list[str]:
    """Jobs that neither finished nor failed: they were interrupted, or never began."""
    from livergrade.cli.command import job_name

    begun = {path.parent for path in sweep.folder.glob("*/config.yaml")} - known
    names = [path.name for path in sorted(begun, key=job_order)]
    planned = [job_name(number, words) for number, words in enumerate(sweep.jobs)]
    names += [name for name in planned if sweep.folder / name not in known and name not in names]
    return [f"  {name}" for name in names]


def job_order(folder: Path) -> tuple[int, str]:
    """What sorts jobs' folders: the number that a name begins with, 0 without one, then the name."""
    head = folder.name.partition("_")[0]
    return (int(head) if head.isdecimal() else 0, folder.name)
