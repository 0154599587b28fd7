"""How every command starts: Hydra finds ``conf/``, the schema checks the options, errors are told.

Only Hydra is imported here, so that ``--help`` and ``--cfg job`` answer at once.
"""

import contextlib
import functools
import itertools
import json
import logging
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import hydra
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import CompactHydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from livergrade.cli.advice import advice
from livergrade.config.fields import describe
from livergrade.config.schema import DataConfig, TrainConfig
from livergrade.config.validation import problems
from livergrade.errors import UserError
from livergrade.io.files import remove_parts, written_whole
from livergrade.models.catalog import label
from livergrade.multirun.sweep import concluded, note_failure

failures = logging.getLogger("livergrade.failures")  # to the job's log only: Hydra tells the screen
Config = TypeVar("Config")

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else None
CONF = CHECKOUT / "conf" if CHECKOUT else PACKAGE / "conf"


def output_root() -> str:
    """Where runs go: ``$LIVERGRADE_OUTPUTS``, else ``outputs/`` of the checkout, else of this folder."""
    return os.environ.get("LIVERGRADE_OUTPUTS") or str((CHECKOUT or Path.cwd()) / "outputs")


def _now() -> str:
    """This moment, as a folder's name."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"


def run_dir(resume: str | None, model: str, backbone: str | None) -> str:
    """The folder of a single run: the resumed one, or a new one named by model and microsecond."""
    if resume and (Path(resume) / "config.yaml").is_file():
        return str(Path(resume).absolute())
    return f"{output_root()}/{label(model, backbone)}/{_now()}"


def evaluation_dir(run: str | None) -> str:
    """The folder of an evaluation: within the run that is evaluated."""
    within = Path(run).absolute() if run and (Path(run) / "config.yaml").is_file() else Path(output_root())
    return f"{within}/evaluations/{_now()}"


def export_dir(run: str | None, given: str | None) -> str:
    """The folder of an export: the one that is given, else within the run that is exported."""
    if given:
        return str(Path(given).absolute())
    if run and (Path(run) / "config.yaml").is_file():
        return f"{Path(run).absolute()}/export"
    return f"{output_root()}/exports/{_now()}"


def comparison_dir(folders: list[str]) -> str:
    """The folder of a comparison: within the one folder that is given, else a new one of its own."""
    if len(folders) == 1 and Path(folders[0]).is_dir():
        return f"{Path(folders[0]).absolute()}/comparison"
    return f"{output_root()}/comparisons/{_now()}"


def _typed() -> list[str]:
    """What was typed, also in the worker processes of a parallel sweep."""
    words: list[str] = json.loads(os.environ.get("LIVERGRADE_TYPED", "[]"))
    return words


def job_name(number: int, overrides: list[str]) -> str:
    """The folder of a job below its sweep: its number and what the sweep varies, not what all jobs share."""
    typed = OverridesParser.create().parse_overrides([word for word in _typed()[1:] if "=" in word])
    shared = {override.key_or_group for override in typed if not override.is_sweep_override()}
    # By key, since Hydra hands values over as it understood them: False for false, without quotes.
    varied = [override for override in overrides if override.partition("=")[0].lstrip("+~") not in shared]
    words = [re.sub(r"[^\w.+-]+", "-", word).strip("-") for word in varied]  # so that a path can be typed
    return "_".join([str(number), *words])[:120]


def named_folder(kind: str, given: str | None) -> str:
    """The folder that is given, or a new one below that of its kind."""
    return str(Path(given).absolute()) if given else f"{output_root()}/{kind}/{_now()}"


OmegaConf.register_new_resolver("livergrade.folder", named_folder, replace=True, use_cache=True)
OmegaConf.register_new_resolver("livergrade.job", job_name, replace=True)
OmegaConf.register_new_resolver("livergrade.outputs", output_root, replace=True)
OmegaConf.register_new_resolver("livergrade.run_dir", run_dir, replace=True, use_cache=True)
OmegaConf.register_new_resolver("livergrade.evaluation_dir", evaluation_dir, replace=True, use_cache=True)
OmegaConf.register_new_resolver("livergrade.export_dir", export_dir, replace=True, use_cache=True)
OmegaConf.register_new_resolver("livergrade.comparison_dir", comparison_dir, replace=True)
# A resumed run must not overwrite the record of how it was first started.
OmegaConf.register_new_resolver(
    "livergrade.record", lambda resume: ".hydra_resumed" if resume else ".hydra", replace=True
)

HELP = """{summary}

  python -m livergrade.{name} {example}

{groups}Options, set with key=value, shown with their defaults:

{options}

Flags of Hydra (--cfg job prints what would be run, -m sweeps over comma-separated values):

$FLAGS_HELP
"""


PROBE = 2**16
"""Bytes that a new run's folder must have room for: Hydra's record and the first lines of the log."""


class Folder(Callback):
    """Make the folder of a run, and write into it, before Hydra does, which shows a traceback if it can't."""

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
        told = advice(error) or f"{folder}: can't be made: {error}"
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
    store = ConfigStore.instance()
    store.store(name=f"{name}_schema", node=type(schema))
    options = describe(schema).replace("$", "$$")  # the template is a string.Template
    text = HELP.format(
        name=name, example=example, summary=summary, groups=_groups(CONF / f"{name}.yaml"), options=options
    )
    store.store(
        group="hydra/help", name="livergrade", node={"app_name": name, "header": "", "template": text}
    )

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
                _tidy()
                raise _ToldError(f"\n{error}") from None
            except Exception as error:
                if told := advice(error):
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
            if words:
                own = {item.name for item in fields(schema)} if all_words else None
                sys.argv = _named(sys.argv, words, own)
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGTERM, _terminated)
            with concluded(command_line()):
                run()

        return start

    return decorate


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


def _named(typed: list[str], option: str, own: set[str] | None = None) -> list[str]:
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


def _tidy() -> None:
    """Remove the folder of a single run that ended before it began: it holds Hydra's record and the log."""
    if HydraConfig.get().mode == RunMode.RUN and _local_rank() == 0:
        folder = Path(HydraConfig.get().runtime.output_dir)
        if {path.name for path in folder.iterdir()} <= {".hydra", f"{HydraConfig.get().job.name}.log"}:
            shutil.rmtree(folder)


def refuse(found: list[str]) -> None:
    """Raise a `UserError` that lists what is wrong with the options; nothing where nothing is."""
    if found:
        raise UserError("these options can't be used:\n" + "\n".join(f"  {line}" for line in found))


def plain(composed: DictConfig, schema: type[Config]) -> Config:
    """The composed options as their dataclass, every value checked.

    Raises:
        UserError: values are out of range or do not fit together; all of them are listed.
    """
    try:
        # Merged once more, since +key=value on the command line gets past the schema.
        values = OmegaConf.to_container(composed)
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), values))
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "options"
        raise UserError(f"{key}: {str(error).splitlines()[0]}") from error
    assert isinstance(config, schema)
    refuse(problems(config))
    return config


def make_absolute(data: DataConfig) -> None:
    """Make the paths of a cohort absolute, so that a run can be resumed from any folder."""
    for key in ("manifest", "root", "cache_dir", "split_file"):
        if path := getattr(data, key):
            setattr(data, key, str(Path(path).expanduser().absolute()))


def checked(composed: DictConfig) -> TrainConfig:
    """The options of a run to train, every value checked, paths made absolute."""
    config = plain(_resumed(composed), TrainConfig)
    refuse(_launch_problems(config))
    make_absolute(config.data)
    if config.model.weights and config.model.weights != "imagenet":
        config.model.weights = str(Path(config.model.weights).expanduser().absolute())
    return config


def _launch_problems(config: TrainConfig) -> list[str]:
    """What Hydra's way of starting the run rules out."""
    if not HydraConfig.initialized():
        return []
    hydra_config = HydraConfig.get()
    sweep = hydra_config.mode == RunMode.MULTIRUN
    found = []
    if sweep and config.train.resume:
        found.append("train.resume: continues one run; leave out -m")
    if sweep and (config.trainer.devices != "1" or config.trainer.num_nodes > 1):
        found.append(
            f"trainer.devices={config.trainer.devices}: a sweep gives each job one device, since every "
            "process of a distributed job would start the whole sweep again; start such runs one by one"
        )
    tasks = int(os.environ.get("SLURM_NTASKS", "1"))
    by_srun = tasks > 1 and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")
    elsewhere = config.trainer.num_nodes > 1 or "TORCHELASTIC_RUN_ID" in os.environ or by_srun
    named = any(word.startswith("hydra.run.dir=") for word in hydra_config.overrides.hydra)
    if elsewhere and not named and not config.train.resume:
        found.append("hydra.run.dir: processes that start by themselves need one named folder to share")
    return found


def _resumed(composed: DictConfig) -> DictConfig:
    """A resumed run keeps the options it was started with; only ``trainer.*`` may be changed."""
    folder = composed.train.resume
    if not folder:
        return composed
    stored = Path(folder) / "config.yaml"
    if not stored.is_file():
        raise UserError(f"train.resume={folder}: is no run (no config.yaml there); name a run's folder")
    if not (Path(folder) / "checkpoints" / "last.ckpt").is_file():
        raise UserError(f"train.resume={folder}: nothing of it was saved yet; start a new run")
    config = OmegaConf.merge(OmegaConf.structured(TrainConfig), OmegaConf.load(stored))
    assert isinstance(config, DictConfig)
    parser = OverridesParser.create()
    for override in parser.parse_overrides(list(HydraConfig.get().overrides.task)):
        key = override.key_or_group
        if key != "train.resume" and not key.startswith("trainer."):
            raise UserError(
                f"{override.input_line}: a resumed run keeps its own options ({stored}); "
                "only trainer.* may change. Start a new run for anything else."
            )
        OmegaConf.update(config, key, override.value())
    return config


def claim(run: Path, config: TrainConfig) -> None:
    """Take an unused folder for this run, or the one to resume, and record the options in it.

    Called once all that the options ask for is there, so that a mistake leaves no half-made run behind.

    Raises:
        UserError: another run is there already.
    """
    if config.train.resume:
        (run / "finished.json").unlink(missing_ok=True)
        remove_parts(run)
    else:
        try:
            (run / "checkpoints").mkdir()  # one process alone can make it
        except FileExistsError:
            raise UserError(
                f"{run}: another run is there; continue it with train.resume={run}, or choose another folder"
            ) from None
    record(run, config)


def record(run: Path, config: TrainConfig) -> None:
    """Write the options to ``config.yaml``, whole or not at all."""
    values = OmegaConf.to_container(OmegaConf.structured(config), resolve=True)
    with written_whole(run / "config.yaml") as part:
        part.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")


def command_line() -> str:
    """What was typed, for the record."""
    program, *words = _typed()
    return shlex.join(["python", "-m", f"livergrade.{Path(program).stem}", *words])
