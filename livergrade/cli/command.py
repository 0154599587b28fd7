"""Common start of all commands: Hydra reads ``conf/``, the schema checks the options, errors are reported.

No heavy package is imported here, so that ``--help`` and ``--cfg job`` are fast.
"""

import contextlib
import functools
import io
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from livergrade import __version__
from livergrade.cli.checks import checked_options
from livergrade.cli.commands import CALLED, COMMANDS, Command
from livergrade.cli.compose import register
from livergrade.cli.file_mistakes import is_of_a_file, mistake
from livergrade.cli.flags import flags_help
from livergrade.cli.groups import choices, config_dirs, groups
from livergrade.cli.job_memory import free_job_memory
from livergrade.cli.output_folder import remove_empty_run
from livergrade.cli.signals import heard_signals
from livergrade.cli.system_errors import explain_system_error
from livergrade.cli.words import prepared
from livergrade.config.fields import describe
from livergrade.errors import UserError
from livergrade.io.home import provide_home
from livergrade.io.locale_letters import locale_problem
from livergrade.io.visible import message as printable
from livergrade.io.visible import shown
from livergrade.io.write_below import refuse_links, write_only_below
from livergrade.runs.folder import note_failure
from livergrade.runs.paths import CONF

failures = logging.getLogger("livergrade.failures")  # job's log file only: Hydra prints to the terminal

ONE_LINE = "LIVERGRADE_ONE_LINE"
"""Variable that says that this package, and not the user, has Hydra raise its errors."""
HELP = """{summary}

  {called}{name} {example}

{groups}Options, set with key=value, shown with their defaults:

{options}
{flags}"""


class _ReportedError(CompactHydraException):
    """Carries a user error through Hydra, which prints its message without a traceback."""


def command(name: str) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """Turn ``task(config)`` into the command of :data:`livergrade.cli.commands.COMMANDS` with this name.

    The task gets a checked dataclass. A :class:`UserError` ends the command with its message only and exit
    code 1. Any other exception keeps its traceback, also in the job's log, since a Hydra sweep otherwise
    leaves the log of a failed job empty.
    """
    command = COMMANDS[name]

    def decorate(task: Callable[[Any], None]) -> Callable[[], None]:
        @hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)
        @functools.wraps(task)
        def run(composed: DictConfig) -> None:
            _run_reported(task, name, composed)

        def start() -> None:
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, io.TextIOWrapper):  # a character that the terminal lacks is no error
                    stream.reconfigure(errors="backslashreplace")
            program, *typed = sys.argv
            if answer := _version(typed):
                sys.stdout.write(f"{printable(answer)}\n")
                return
            _refuse_letters(typed)
            os.environ["LIVERGRADE_TYPED"] = json.dumps(sys.argv)
            # OpenMP threads spin while they wait. With the default, a training step on two cores took nine
            # times as long when another process used one of them; with this shorter spin, twice as long, at
            # the cost of 20 % on an idle machine. Read when torch is imported; a value set by the user wins.
            os.environ.setdefault("GOMP_SPINCOUNT", "10000")
            register(name, command.schema, _help(command, typed))
            try:
                sys.argv = [program, *prepared(typed, command)]
            except UserError as error:
                sys.stderr.write(f"\n{printable(error)}\n")
                raise SystemExit(1) from None
            with heard_signals(), _run_end_callbacks(), _one_line(command, config_dirs(typed)):
                run()

        return start

    return decorate


def _version(words: Sequence[str]) -> str | None:
    """The version, if it is asked for: Hydra would tell its own."""
    asked = any(len(word) > 2 and "--version".startswith(word) for word in words)
    return f"livergrade {__version__}" if asked else None


def _help(command: Command, typed: Sequence[str]) -> str:
    """The text of ``--help``; empty unless a flag may ask for it, since Hydra copies it with all options."""
    if not any(word.startswith("-") and "h" in word for word in typed):
        return ""
    own = config_dirs(typed)
    lines = [f"{group}: {', '.join(choices(group, own))}\n" for group in groups(command.name, own)]
    listed = "Groups, chosen with group=name (the list after each):\n\n" + "".join(lines) + "\n"
    return HELP.format(
        called=CALLED.get(),
        name=command.name,
        example=command.example,
        summary=command.summary,
        groups=listed if lines else "",
        options=describe(command.schema, without=command.refused),
        flags=flags_help(),
    )


def _run_reported(task: Callable[[Any], None], name: str, composed: DictConfig) -> None:
    """Run a task, and report its failure in its log, in the folder of a sweep's job and on the terminal."""
    if _local_rank():  # only one process of a distributed run logs
        logging.getLogger().setLevel(logging.ERROR)
    try:
        _run_task(task, name, composed)
    except Exception as error:
        message = error if isinstance(error, UserError) else explain_system_error(error)
        if not message:
            failures.exception("this run failed")
            _note_failure(error)
            free_job_memory(error)
            raise
        failures.error("%s", printable(message))
        _note_failure(error)
        if not _local_rank():
            remove_empty_run()
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # the other jobs go on
            free_job_memory(error)
            raise _ReportedError(f"\n{printable(message)}") from None
        sys.stderr.write(f"{printable(message)}\n")
        raise SystemExit(1) from None
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        free_job_memory()


def _run_task(task: Callable[[Any], None], name: str, composed: DictConfig) -> None:
    """Check the options and run the task, which may write into its output folder and the caches alone."""
    provide_home()
    folder = Path(HydraConfig.get().runtime.output_dir)
    refuse_links(folder)  # again, since a launcher may start the job of a sweep long after the sweep
    with write_only_below(folder, cache=OmegaConf.select(composed, "data.cache_dir")):
        task(checked_options(name, composed))


@contextlib.contextmanager
def _one_line(command: Command, own: Sequence[Path]) -> Iterator[None]:
    """Print a refusal as one line, any other error with its traceback, and exit with 1.

    Hydra would add advice of its own, unless it is set to raise its errors.
    """
    if os.environ.get("HYDRA_FULL_ERROR") and ONE_LINE not in os.environ:  # the user asked for tracebacks
        yield
        return
    os.environ |= {"HYDRA_FULL_ERROR": "1", ONE_LINE: "1"}  # also for processes that this one starts
    try:
        yield
    except _ReportedError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None
    except Exception as error:
        of_options = not _is_of_task(error)
        if isinstance(error, BrokenPipeError) and of_options:  # who reads the help has seen enough of it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        elif isinstance(error, CompactHydraException) or (is_of_a_file(error) and of_options):
            told = mistake(error, command.schema, groups(command.name, own), own)
            sys.stderr.write(f"\n{printable(told)}\n")
        else:
            traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        for name in ("HYDRA_FULL_ERROR", ONE_LINE):
            os.environ.pop(name, None)


def _is_of_task(error: Exception) -> bool:
    """Whether an error is of the task itself, and not of the options that Hydra composed for it."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_code is _run_reported.__code__ for frame in frames)


_end_callbacks: list[Callable[[bool], None]] = []


def at_end(ending: Callable[[bool], None]) -> None:
    """Call ``ending(stopped)`` at the end of the current command; ``stopped``: it was interrupted."""
    _end_callbacks.append(ending)


@contextlib.contextmanager
def _run_end_callbacks() -> Iterator[None]:
    _end_callbacks.clear()
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
        for ending in _end_callbacks:
            ending(stopped)


def _refuse_letters(words: Sequence[str]) -> None:
    """Refuse words with letters that the locale lacks: they would be read as other text than was typed."""
    lost = [shown(word) for word in words if not word.isascii()]
    if lost and (lacks := locale_problem()):
        sys.stderr.write(f"\n{', '.join(lost)}: {lacks}\n")
        raise SystemExit(1)


def _local_rank() -> int:
    """Local rank of this process in a distributed run, as set by Lightning, torchrun or srun."""
    return int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0)


def _note_failure(error: Exception) -> None:
    """Record the failure of a sweep job in its folder, since the sweep continues."""
    hydra_config = HydraConfig.get()
    if hydra_config.mode == RunMode.MULTIRUN:
        note_failure(Path(hydra_config.runtime.output_dir), error, list(hydra_config.overrides.task))
