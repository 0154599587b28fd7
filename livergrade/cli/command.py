"""Common start of all commands: Hydra reads ``conf/``, the schema checks the options, errors are reported.

No heavy package is imported here, so that ``--help`` and ``--cfg job`` are fast.
"""

import contextlib
import functools
import io
import itertools
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from livergrade import __version__
from livergrade.cli.compose import register
from livergrade.cli.job_memory import free_job_memory
from livergrade.cli.output_folder import remove_empty_run
from livergrade.cli.refusals import deletion, refusal
from livergrade.cli.signals import heard_signals
from livergrade.cli.system_errors import explain_system_error
from livergrade.cli.typed_names import keep_names, names_a_file, quoted
from livergrade.cli.typed_text import keep_text
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
Config = TypeVar("Config")

ONE_LINE = "LIVERGRADE_ONE_LINE"
"""Variable that says that this package, and not the user, has Hydra raise its errors."""
HELP = """{summary}

  python -m livergrade.{name} {example}

{groups}Options, set with key=value, shown with their defaults:

{options}
"""


class _ReportedError(CompactHydraException):
    """Carries a user error through Hydra, which prints its message without a traceback."""


def command(
    name: str,
    example: str,
    summary: str,
    schema: Any,  # noqa: ANN401 - a dataclass with every option's default
    check: Callable[[DictConfig], Config],
    words: str = "",
    all_words: bool = False,
) -> Callable[[Callable[[Config], None]], Callable[[], None]]:
    """Turn ``task(config)`` into the command ``python -m livergrade.<name>``.

    The task gets a checked dataclass. A :class:`UserError` ends the command with its message only and exit
    code 1. Any other exception keeps its traceback, also in the job's log, since a Hydra sweep otherwise
    leaves the log of a failed job empty.

    Args:
        name: name of the command, of its YAML file under ``conf/``, and of its log.
        example: example arguments, for the help text.
        summary: first line of the help text.
        schema: the options, as a dataclass with their defaults.
        check: converts the composed options to the dataclass of the task.
        words: list option that collects the arguments without ``key=``; none if empty.
        all_words: it also collects ``key=value`` if the key is no option of the command.
    """

    def decorate(task: Callable[[Config], None]) -> Callable[[], None]:
        @hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)
        @functools.wraps(task)
        def run(composed: DictConfig) -> None:
            _run_reported(task, check, composed)

        def start() -> None:
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, io.TextIOWrapper):  # a character that the terminal lacks is no error
                    stream.reconfigure(errors="backslashreplace")
            typed = json.dumps(sys.argv)
            sys.argv = keep_text(keep_names(sys.argv, schema), schema)
            if answer := _version(sys.argv[1:]):
                sys.stdout.write(f"{printable(answer)}\n")
                return
            _refuse_letters(sys.argv[1:])
            os.environ["LIVERGRADE_TYPED"] = typed
            # OpenMP threads spin while they wait. With the default, a training step on two cores took nine
            # times as long when another process used one of them; with this shorter spin, twice as long, at
            # the cost of 20 % on an idle machine. Read when torch is imported; a value set by the user wins.
            os.environ.setdefault("GOMP_SPINCOUNT", "10000")
            register(name, schema, _help(name, example, summary, schema))
            if words:
                own_options = {item.name for item in fields(schema)} if all_words else None
                files = {word for word in sys.argv[1:] if names_a_file(word, schema)}
                sys.argv = _collect_positionals(sys.argv, words, own_options, files)
            _refuse_deletions(sys.argv, CONF / f"{name}.yaml", schema)
            sys.argv = _without_null_groups(sys.argv, CONF / f"{name}.yaml")
            with heard_signals(), _run_end_callbacks(), _one_line(schema):
                run()

        return start

    return decorate


def _version(words: Sequence[str]) -> str | None:
    """The version, if it is asked for: Hydra would tell its own."""
    asked = any(len(word) > 2 and "--version".startswith(word) for word in words)
    return f"livergrade {__version__}" if asked else None


def _help(name: str, example: str, summary: str, schema: Any) -> str:  # noqa: ANN401
    groups, options = _groups(CONF / f"{name}.yaml"), describe(schema)
    return HELP.format(name=name, example=example, summary=summary, groups=groups, options=options)


def _run_reported(
    task: Callable[[Config], None], check: Callable[[DictConfig], Config], composed: DictConfig
) -> None:
    """Run a task, and report its failure in its log, in the folder of a sweep's job and on the terminal."""
    if _local_rank():  # only one process of a distributed run logs
        logging.getLogger().setLevel(logging.ERROR)
    try:
        _run_task(task, check, composed)
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


def _run_task(
    task: Callable[[Config], None], check: Callable[[DictConfig], Config], composed: DictConfig
) -> None:
    """Check the options and run the task, which may write into its output folder and the caches alone."""
    provide_home()
    folder = Path(HydraConfig.get().runtime.output_dir)
    refuse_links(folder)  # again, since a launcher may start the job of a sweep long after the sweep
    with write_only_below(folder, cache=OmegaConf.select(composed, "data.cache_dir")):
        task(check(composed))


@contextlib.contextmanager
def _one_line(schema: Any) -> Iterator[None]:  # noqa: ANN401 - a dataclass with every option's default
    """Print a refusal as one line, any other error with its traceback, and exit with 1.

    Hydra would add advice of its own, unless it is told to raise its errors.
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
    except CompactHydraException as error:
        sys.stderr.write(f"\n{printable(refusal(error, schema))}\n")
        raise SystemExit(1) from None
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        for name in ("HYDRA_FULL_ERROR", ONE_LINE):
            os.environ.pop(name, None)


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


def _groups(primary: Path) -> str:
    """Help text of the config groups of a command's YAML file; empty without groups."""
    lines = [f"{group}: {_choices(group)}\n" for group in _defaults(primary) if (CONF / group).is_dir()]
    return (
        "Groups, chosen with group=name (the list after each):\n\n" + "".join(lines) + "\n" if lines else ""
    )


def _defaults(primary: Path) -> dict[str, str | None]:
    """Config group of a command's YAML file → its default; None: none is chosen."""
    defaults = yaml.safe_load(primary.read_text("utf-8"))["defaults"]
    return {
        key.split()[-1]: value  # it may be optional
        for item in defaults
        if isinstance(item, dict)
        for key, value in item.items()
        if not key.startswith("override ")
    }


def _choices(group: str) -> str:
    return ", ".join(sorted(path.stem for path in (CONF / group).glob("*.yaml")))


def _refuse_letters(words: Sequence[str]) -> None:
    """Refuse words with letters that the locale lacks: they would be read as other text than was typed."""
    lost = [shown(word) for word in words if not word.isascii()]
    if lost and (lacks := locale_problem()):
        sys.stderr.write(f"\n{', '.join(lost)}: {lacks}\n")
        raise SystemExit(1)


def _refuse_deletions(arguments: list[str], primary: Path, schema: Any) -> None:  # noqa: ANN401
    """Refuse ``~augment`` and the like, which would leave defaults behind that no file of ``conf/`` has."""
    groups = [group for group in _defaults(primary) if (CONF / group).is_dir()]
    deletions = [word for word in arguments[1:] if word.startswith("~")]
    if deletions:
        told = "; ".join(deletion(word, groups, schema) for word in deletions)
        sys.stderr.write(f"\n{printable(told)}\n")
        raise SystemExit(1)


def _without_null_groups(arguments: list[str], primary: Path) -> list[str]:
    """The words without ``group=null``, which Hydra refuses to hear, though it is the default of a group."""
    nulls = {word.removesuffix("=null") for word in arguments if word.endswith("=null")}
    if not nulls:
        return arguments
    defaults = _defaults(primary)
    typed = nulls & defaults.keys()
    for group in sorted(typed):
        if defaults[group] is not None:
            raise SystemExit(f"{group}=null: choose one of {_choices(group)}")
    return [word for word in arguments if word.removesuffix("=null") not in typed]


def _collect_positionals(
    arguments: list[str], option: str, own: set[str] | None = None, files: Container[str] = ()
) -> list[str]:
    """Collect arguments without ``key=`` that are no flag and no value of a flag into ``option=[...]``.

    With ``own`` also ``key=value``, unless the key is in ``own`` or belongs to Hydra; and names of ``files``.
    """

    def collected(word: str) -> bool:
        key = word.partition("=")[0]
        is_value = "=" not in word or (own is not None and key not in own and not key.startswith("hydra"))
        return is_value and not word.startswith(("~", "+"))

    def is_flag(word: str) -> bool:
        return word.startswith("-") and word not in files

    positionals = [
        word
        for previous, word in itertools.pairwise(arguments)
        if word in files or (not is_flag(previous) and not is_flag(word) and collected(word))
    ]
    if not positionals:
        return arguments
    items = ",".join(quoted(word) for word in positionals)
    return [*(word for word in arguments if word not in positionals), f"{option}=[{items}]"]


def _local_rank() -> int:
    """Local rank of this process in a distributed run, as set by Lightning, torchrun or srun."""
    return int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0)


def _note_failure(error: Exception) -> None:
    """Record the failure of a sweep job in its folder, since the sweep continues."""
    hydra_config = HydraConfig.get()
    if hydra_config.mode == RunMode.MULTIRUN:
        note_failure(Path(hydra_config.runtime.output_dir), error, list(hydra_config.overrides.task))
