"""How every command starts: Hydra finds ``conf/``, the schema checks the options, errors are told.

Only Hydra is imported here, so that ``--help`` and ``--cfg job`` answer at once.
"""

import functools
import json
import logging
import os
import shlex
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from livergrade.config import TrainConfig, describe, problems
from livergrade.errors import UserError

failures = logging.getLogger("livergrade.failures")  # to the job's log only: Hydra tells the screen

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else None
CONF = CHECKOUT / "conf" if CHECKOUT else PACKAGE / "conf"


def output_root() -> str:
    """Where runs go: ``$LIVERGRADE_OUTPUTS``, else ``outputs/`` of the checkout, else of this folder."""
    return os.environ.get("LIVERGRADE_OUTPUTS") or str((CHECKOUT or Path.cwd()) / "outputs")


def run_dir(resume: str | None, model: str) -> str:
    """The folder of a single run: the resumed one, or a new one named by model and microsecond."""
    if resume:
        return str(Path(resume).absolute())
    return f"{output_root()}/{model}/{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"


def _typed() -> list[str]:
    """What was typed, also in the worker processes of a parallel sweep."""
    words: list[str] = json.loads(os.environ.get("LIVERGRADE_TYPED", "[]"))
    return words


def job_name(number: int, overrides: list[str]) -> str:
    """The folder of a job below its sweep: its number and what the sweep varies, not what all jobs share."""
    varied = [override for override in overrides if override not in _typed()]
    return f"{number}_{','.join(varied)}".replace("/", "_")[:120].rstrip("_")


OmegaConf.register_new_resolver("livergrade.job", job_name, replace=True)
OmegaConf.register_new_resolver("livergrade.outputs", output_root, replace=True)
OmegaConf.register_new_resolver("livergrade.run_dir", run_dir, replace=True, use_cache=True)
# A resumed run must not overwrite the record of how it was first started.
OmegaConf.register_new_resolver(
    "livergrade.record", lambda resume: ".hydra_resumed" if resume else ".hydra", replace=True
)

HELP = """{summary}

  python -m livergrade.{name} {example}

Groups, chosen with group=name (the list after each):

$APP_CONFIG_GROUPS
Options, set with key=value, shown with their defaults:

{options}

Flags of Hydra (--cfg job prints what would be run, -m sweeps over comma-separated values):

$FLAGS_HELP
"""


class _ToldError(CompactHydraException):
    """Carries a user's error through Hydra, which prints its message without a traceback."""


def command(
    name: str, example: str, summary: str
) -> Callable[[Callable[[TrainConfig], None]], Callable[[], None]]:
    """Turn ``task(config)`` into the command ``python -m livergrade.<name>``.

    The task gets a checked, plain dataclass. A :class:`UserError` ends the command with its message alone
    and exit code 1; any other exception keeps its traceback, in the job's log too, since a Hydra sweep
    otherwise leaves the log of a failed job empty.
    """
    store = ConfigStore.instance()
    store.store(name=f"{name}_schema", node=TrainConfig)
    options = describe(TrainConfig()).replace("$", "$$")  # the template is a string.Template
    text = HELP.format(name=name, example=example, summary=summary, options=options)
    store.store(
        group="hydra/help", name="livergrade", node={"app_name": name, "header": "", "template": text}
    )

    def decorate(task: Callable[[TrainConfig], None]) -> Callable[[], None]:
        @hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)
        @functools.wraps(task)
        def run(composed: DictConfig) -> None:
            try:
                task(checked(composed))
            except UserError as error:
                failures.error("%s", error)
                raise _ToldError(f"\n{error}") from None
            except Exception:
                failures.exception("this run failed")
                raise

        def start() -> None:
            os.environ["LIVERGRADE_TYPED"] = json.dumps(sys.argv)
            # OpenMP threads spin while they wait. By default so long that a training step on two cores took
            # nine times as long when another process used one of them; so briefly, it took twice as long, for
            # a fifth more where nobody else did. Read when torch is imported; your own value wins.
            os.environ.setdefault("GOMP_SPINCOUNT", "10000")
            run()

        return start

    return decorate


def checked(composed: DictConfig) -> TrainConfig:
    """The composed options as a dataclass, every value checked.

    Raises:
        UserError: values are out of range or do not fit together; all of them are listed.
    """
    try:
        # Merged once more, since +key=value on the command line gets past the schema.
        plain = OmegaConf.to_container(_resumed(composed))
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(TrainConfig), plain))
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "options"
        raise UserError(f"{key}: {str(error).splitlines()[0]}") from error
    assert isinstance(config, TrainConfig)
    if found := problems(config):
        raise UserError("these options can't be used:\n" + "\n".join(f"  {line}" for line in found))
    return config


def _resumed(composed: DictConfig) -> DictConfig:
    """A resumed run keeps the options it was started with; only ``trainer.*`` may be changed."""
    folder = composed.train.resume
    if not folder:
        return composed
    stored = Path(folder) / "config.yaml"
    if not stored.is_file():
        raise UserError(
            f"train.resume={folder}: no config.yaml there; name the folder of a run, as in outputs/…"
        )
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


def write_config(config: TrainConfig, path: Path) -> None:
    """Write the options as plain YAML, whole or not at all."""
    plain: Any = OmegaConf.to_container(OmegaConf.structured(config), resolve=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    temporary.replace(path)


def claim(run: Path, config: TrainConfig) -> None:
    """Take an unused folder for this run, or a used one to resume, and record the options in it.

    Raises:
        UserError: another run is there already, or there is nothing to resume from.
    """
    if int(os.environ.get("LOCAL_RANK", "0")) > 0:  # the first process of a distributed run has done it
        return
    if config.train.resume:
        if not (run / "checkpoints" / "last.ckpt").is_file():
            raise UserError(f"train.resume={run}: no checkpoints/last.ckpt there yet; start a new run")
        (run / "finished.json").unlink(missing_ok=True)
    else:
        try:
            (run / "checkpoints").mkdir()  # one process alone can make it
        except FileExistsError:
            raise UserError(
                f"{run}: another run is there; continue it with train.resume={run}, or choose another folder"
            ) from None
    write_config(config, run / "config.yaml")


def command_line() -> str:
    """What was typed, for the record."""
    program, *words = _typed()
    return shlex.join(["python", "-m", f"livergrade.{Path(program).stem}", *words])
