"""How every command starts: Hydra finds ``conf/``, the schema checks the options, errors are told.

Only Hydra is imported here, so that ``--help`` and ``--cfg job`` answer at once.
"""

import contextlib
import functools
import itertools
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from livergrade.cli.compose import register, register_resolvers
from livergrade.cli.system_errors import explain_system_error
from livergrade.config.fields import describe
from livergrade.errors import UserError
from livergrade.runs.folder import note_failure
from livergrade.runs.paths import CONF

failures = logging.getLogger("livergrade.failures")  # to the job's log only: Hydra tells the screen
Config = TypeVar("Config")

HELP = """{summary}

  python -m livergrade.{name} {example}

{groups}Options, set with key=value, shown with their defaults:

{options}
"""

PROBE = 2**16
"""Bytes that a new run's folder must have room for: Hydra's record and the first lines of the log."""


class Folder(Callback):
    """Make the folder of a run, and write into it, before Hydra does, which shows a traceback if it can't.

    A launcher sends this object along to the processes that it starts jobs in; no command starts there that
    would make the names of ``conf/`` known, so that this does.
    """

    def __init__(self) -> None:
        register_resolvers()

    def __reduce__(self) -> tuple[type["Folder"], tuple[()]]:
        """Be made anew where it is sent to."""
        return Folder, ()

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Of a single run."""
        _make(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Of a sweep."""
        _make(Path(config.hydra.sweep.dir))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.part"
        probe.write_bytes(bytes(PROBE))
        probe.unlink(missing_ok=True)
    except OSError as error:
        error.filename = str(folder)
        told = explain_system_error(error) or f"{folder}: can't be made: {error}"
        sys.stderr.write(f"\n{told}\n")
        raise SystemExit(1) from None


class _ToldError(CompactHydraException):
    """Carries a user's error through Hydra, which prints its message without a traceback."""


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

    The task gets a checked, plain dataclass. A :class:`UserError` ends the command with its message alone
    and exit code 1; any other exception keeps its traceback, in the job's log too, since a Hydra sweep
    otherwise leaves the log of a failed job empty.

    Args:
        name: of the command, of its YAML file under ``conf/``, and of its log.
        example: what may be typed after the command, for the help text.
        summary: the help text's first line.
        schema: the options, as a dataclass with their defaults.
        check: makes of the composed options the dataclass that the task gets.
        words: the option, a list, that takes what is typed without ``key=``; none if empty.
        all_words: it takes also ``key=value`` where the key is none of the command's own.
    """

    def decorate(task: Callable[[Config], None]) -> Callable[[], None]:
        @hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)
        @functools.wraps(task)
        def run(composed: DictConfig) -> None:
            if _local_rank():  # one process of a distributed run speaks for all
                logging.getLogger().setLevel(logging.ERROR)
            try:
                task(check(composed))
            except UserError as error:
                failures.error("%s", error)
                _note_failure(error)
                _remove_empty_run()
                raise _ToldError(f"\n{error}") from None
            except Exception as error:
                if told := explain_system_error(error):
                    failures.error("%s", told)
                    _note_failure(error)
                    raise _ToldError(f"\n{told}") from None
                failures.exception("this run failed")
                _note_failure(error)
                raise

        def start() -> None:
            os.environ["LIVERGRADE_TYPED"] = json.dumps(sys.argv)
            # OpenMP threads spin while they wait. By default so long that a training step on two cores took
            # nine times as long when another process used one of them; so briefly, it took twice as long, for
            # a fifth more where nobody else did. Read when torch is imported; your own value wins.
            os.environ.setdefault("GOMP_SPINCOUNT", "10000")
            groups, options = _groups(CONF / f"{name}.yaml"), describe(schema)
            text = HELP.format(name=name, example=example, summary=summary, groups=groups, options=options)
            register(name, schema, text)
            if words:
                own = {item.name for item in fields(schema)} if all_words else None
                sys.argv = _collect_positionals(sys.argv, words, own)
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGTERM, _terminated)
            with _ended():
                run()

        return start

    return decorate


_endings: list[Callable[[bool], None]] = []


def at_end(ending: Callable[[bool], None]) -> None:
    """Have ``ending(stopped)`` called when the command that now runs ends; ``stopped``: somebody ended it."""
    _endings.append(ending)


@contextlib.contextmanager
def _ended() -> Iterator[None]:
    _endings.clear()
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
        for ending in _endings:
            ending(stopped)


def _groups(primary: Path) -> str:
    """The groups that a command's YAML file chooses from, as help text; empty without any."""
    defaults = yaml.safe_load(primary.read_text("utf-8"))["defaults"]
    chosen = [key.split()[-1] for item in defaults if isinstance(item, dict) for key in item]
    lines = [
        f"{group}: {', '.join(sorted(path.stem for path in (CONF / group).glob('*.yaml')))}\n"
        for group in chosen
        if (CONF / group).is_dir() and not group.startswith("hydra/")
    ]
    return (
        "Groups, chosen with group=name (the list after each):\n\n" + "".join(lines) + "\n" if lines else ""
    )


def _collect_positionals(typed: list[str], option: str, own: set[str] | None = None) -> list[str]:
    """Gather what was typed without ``key=`` and is no flag or a flag's value into ``option=[...]``.

    With ``own`` also ``key=value``, unless the key is one of those or Hydra's.
    """

    def foreign(word: str) -> bool:
        key = word.partition("=")[0]
        return "=" not in word or (own is not None and key not in own and not key.startswith("hydra"))

    bare = [
        word
        for before, word in itertools.pairwise(typed)
        if not before.startswith("-") and not word.startswith(("-", "~", "+")) and foreign(word)
    ]
    if not bare:
        return typed
    quoted = ",".join("'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'" for word in bare)
    return [*(word for word in typed if word not in bare), f"{option}=[{quoted}]"]


def _local_rank() -> int:
    """Which process of a distributed run this is on its machine, as Lightning, torchrun or srun say."""
    return int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0)


def _terminated(number: int, _frame: object) -> None:
    """End as an interrupt does, so that a run says how to go on and a sweep what is left."""
    raise SystemExit(128 + number)


def _note_failure(error: Exception) -> None:
    """A job of a sweep says in its folder that it failed, since the sweep goes on."""
    running = HydraConfig.get()
    if running.mode == RunMode.MULTIRUN:
        note_failure(Path(running.runtime.output_dir), error, list(running.overrides.task))


def _remove_empty_run() -> None:
    """Remove the folder of a single run that ended before it began: it holds Hydra's record and the log."""
    if HydraConfig.get().mode == RunMode.RUN and _local_rank() == 0:
        folder = Path(HydraConfig.get().runtime.output_dir)
        if {path.name for path in folder.iterdir()} <= {".hydra", f"{HydraConfig.get().job.name}.log"}:
            shutil.rmtree(folder)
