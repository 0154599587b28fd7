"""Conclude a sweep: report the failed jobs and compare the finished ones.

Hydra runs the jobs independently; this module starts none. The command that started the sweep reads all job
folders when it ends. Imports are kept light, because every command imports this module.
"""

from __future__ import annotations

import itertools
import logging
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from livergrade.cli.command import at_end
from livergrade.cli.log_lines import LogLines
from livergrade.config.schema import CompareConfig
from livergrade.errors import UserError
from livergrade.io.earlier_start import set_aside
from livergrade.io.json_files import read_json
from livergrade.runs.folder import Failure
from livergrade.runs.paths import command_line, job_name, job_order

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartedSweep:
    """The sweep that this process started: its folder, and the overrides of each job if known."""

    folder: Path
    jobs: list[list[str]]


class Sweep(Callback):
    """Hydra callback for the start of a sweep."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Record the sweep's folder and jobs, to conclude the sweep when the command ends."""
        jobs: list[list[str]] = []
        if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            jobs = job_overrides(list(config.hydra.overrides.task))
        started = StartedSweep(Path(config.hydra.sweep.dir).absolute(), jobs)
        at_end(lambda stopped: conclude(started, stopped=stopped))


def job_overrides(words: Sequence[str]) -> list[list[str]]:
    """Overrides of each job of a sweep, in the order in which Hydra's basic sweeper runs the jobs."""
    varied: dict[str, list[str]] = {}
    for override in OverridesParser.create().parse_overrides(list(words)):
        key = override.get_key_element()
        if override.is_discrete_sweep():
            varied[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            varied[key] = [f"{key}={override.get_value_element_as_str()}"]
    return [list(job) for job in itertools.product(*varied.values())]


def conclude(sweep: StartedSweep, *, stopped: bool) -> None:
    """Report failed and unfinished jobs, and compare the finished ones unless the sweep was interrupted."""
    if not sweep.folder.is_dir():
        return
    # The log files of the jobs are closed, and Hydra's format adds dates; these lines are for the terminal.
    screen = logging.StreamHandler(sys.stdout)
    screen.setFormatter(LogLines())
    logging.basicConfig(handlers=[screen], level=logging.INFO, force=True)
    failed = sorted(sweep.folder.glob("*/failed.json"), key=lambda path: job_order(path.parent))
    # A finished job that failed now was refused: its options or its data are others than they were.
    finished = [
        path for path in sweep.folder.glob("*/finished.json") if not (path.parent / "failed.json").exists()
    ]
    finished.sort(key=lambda path: job_order(path.parent))
    open_jobs = _not_finished(sweep, {path.parent for path in (*failed, *finished)})
    for title, lines in (("failed", [_failure(path) for path in failed]), ("not finished", open_jobs)):
        if lines:
            total = len(sweep.jobs) or len(failed) + len(finished) + len(open_jobs)
            log.error("\n%d of %d jobs %s:\n%s", len(lines), total, title, "\n".join(lines))
    if failed or open_jobs:
        log.error("%s", _what_to_do(sweep.folder, [path.parent for path in failed]))
    if not stopped:
        _compare(sweep, finished)


def _what_to_do(folder: Path, failed: list[Path]) -> str:
    """What to do about jobs that failed or are open; one that was refused is refused again as it is."""
    refused = [job for job in failed if (job / "finished.json").exists()]
    text = (
        "Details are in the train.log of each folder. The same command with hydra.sweep.dir="
        f"{folder} runs the missing jobs"
    )
    if not refused:
        return f"{text}."
    return f"{text}; those that were finished from other data or options are refused until that is restored."


def _compare(sweep: StartedSweep, finished: list[Path]) -> None:
    """Compare the finished jobs of this sweep; if that can't be done, an earlier comparison is set aside."""
    names = {job_name(number, words) for number, words in enumerate(sweep.jobs)}
    runs = [path.parent for path in finished]
    of_sweep = [run for run in runs if run.name in names] or runs
    if others := [run.name for run in runs if run not in of_sweep]:
        log.warning("not compared, since it is not a job of this sweep: %s", ", ".join(others))
    if len(of_sweep) > 1:
        from livergrade.multirun.comparison import write_comparison_results

        try:
            write_comparison_results(
                CompareConfig(runs=[str(run) for run in of_sweep]),
                sweep.folder / "comparison",
                command_line(),
            )
            return
        except UserError as error:
            log.error("no comparison: %s", error)
    if aside := set_aside(sweep.folder, ["comparison"]):
        log.warning("%s: has the comparison of an earlier start", aside)


def _failure(path: Path) -> str:
    try:
        failure = read_json(path, Failure, fix="start the job again")
    except UserError as error:
        return f"  {error}"
    return f"  {path.parent.name}: {textwrap.shorten(failure['message'] or failure['error'], 300)}"


def _not_finished(sweep: StartedSweep, known: set[Path]) -> list[str]:
    """Jobs that neither finished nor failed: interrupted or never started."""
    started = {path.parent for path in sweep.folder.glob("*/config.yaml")} - known
    names = [path.name for path in sorted(started, key=job_order)]
    all_jobs = [job_name(number, words) for number, words in enumerate(sweep.jobs)]
    names += [name for name in all_jobs if sweep.folder / name not in known and name not in names]
    return [f"  {name}" for name in names]
