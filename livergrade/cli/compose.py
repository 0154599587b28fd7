"""From the command line to a checked config: composed by Hydra, checked against the schema, as dataclass."""

import logging
import os
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from livergrade.cli.refusals import unknown_option, wrong_type
from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, DataConfig, EvaluateConfig, ReviewConfig, TrainConfig
from livergrade.config.validation import problems, raise_if_invalid
from livergrade.errors import UserError
from livergrade.io.grade_map import typed_grades
from livergrade.io.home import expanded
from livergrade.io.regular_files import is_regular
from livergrade.io.visible import shown
from livergrade.models.packaged import NAMED_WEIGHTS
from livergrade.runs.folder import options_here, read_options
from livergrade.runs.paths import (
    comparison_dir,
    evaluation_dir,
    export_dir,
    job_name,
    named_folder,
    output_root,
    record_dir,
    run_dir,
)

log = logging.getLogger(__name__)
Config = TypeVar("Config")


def register_resolvers() -> None:
    """Register the resolvers ``${livergrade.…:}`` of ``conf/``: the output folders of the commands."""
    for name, resolver, use_cache in (
        ("folder", named_folder, True),
        ("job", job_name, False),
        ("outputs", output_root, False),
        ("run_dir", run_dir, True),
        ("evaluation_dir", evaluation_dir, True),
        ("export_dir", export_dir, True),
        ("comparison_dir", comparison_dir, True),
        ("record", record_dir, False),
    ):
        OmegaConf.register_new_resolver(f"livergrade.{name}", resolver, replace=True, use_cache=use_cache)


def register(name: str, schema: Any, help_text: str = "") -> None:  # noqa: ANN401
    """Register the schema and help text of ``conf/<name>.yaml`` with Hydra.

    Args:
        name: name of the command.
        schema: its options, a dataclass with all defaults.
        help_text: text of ``--help``.
    """
    register_resolvers()
    store, own = ConfigStore.instance(), f"livergrade_{name}"
    if f"{own}.yaml" not in store.repo:  # made once in a process: to make it takes as long as to copy it
        store.store(name=own, node=type(schema))
    literal = help_text.replace("$", "$$").replace(
        "${", "\\${"
    )  # no interpolation of OmegaConf, no placeholder
    help_node = {"app_name": name, "header": "", "template": literal}
    store.store(group="hydra/help", name="livergrade", node=help_node)


def to_dataclass(composed: DictConfig, schema: type[Config]) -> Config:
    """Convert the composed options to their dataclass, and check all values.

    Raises:
        UserError: values are out of range or do not fit together; all of them are listed.
    """
    try:
        config: Any = _as_composed(composed, schema)
        if config is None:
            values = OmegaConf.to_container(composed)
            config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), values))
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "options"
        if isinstance(error, ConfigKeyError | ConfigAttributeError):
            raise UserError(unknown_option(key, schema())) from None
        raise UserError(f"{key}: {wrong_type(str(error))}") from error
    assert isinstance(config, schema)
    holders: list[Any] = [config, getattr(config, "data", None)]
    for holder in holders:
        if hasattr(holder, "grades"):
            holder.grades = typed_grades(holder.grades)
    found = [*_empty_names(config), *problems(config), *_cohort_problems(config)]
    raise_if_invalid(list(dict.fromkeys(found)))
    return config


def _as_composed(composed: DictConfig, schema: type[Config]) -> Config | None:
    """The options as they are, if Hydra has checked each against the schema: no second merge.

    Returns:
        None: they have to be merged with the schema, since a value is missing, ``+key=value`` bypassed it, or
        a primary file of the user's own does not name it.
    """
    try:
        config = OmegaConf.to_object(composed)
    except OmegaConfBaseException:
        return None
    return config if type(config) is schema and not _has_added_keys(config) else None


def _has_added_keys(config: Any) -> bool:  # noqa: ANN401 - a dataclass
    known, values = {item.name for item in fields(config)}, vars(config)
    return not values.keys() <= known or any(
        _has_added_keys(value) for value in values.values() if is_dataclass(value)
    )


def _empty_names(config: object) -> list[str]:
    """Options typed without a value, often of a variable that is not set: ``out=$OUT``."""
    return [
        f"{key}=: is empty; leave it out, or give a value"
        if value == ""
        else f"{key}: a name is empty; leave it out, or give a value"
        for key, item, value in options(config)
        if (value == "" and item.type == str | None) or (isinstance(value, list) and "" in value)
    ]


def _cohort_problems(config: object) -> list[str]:
    data = getattr(config, "data", None)
    if not isinstance(data, DataConfig) or (
        isinstance(config, EvaluateConfig | ReviewConfig) and not data.name
    ):
        return []  # an evaluation's own cohort is the run's
    from livergrade.data.kinds import cohort_problems  # imports pandas, too slow for --help

    return cohort_problems(data)


def make_absolute(data: DataConfig) -> None:
    """Make the paths of a cohort absolute, so that a run can be resumed from any folder."""
    for item in fields(data):
        if item.metadata["path"] and (path := getattr(data, item.name)):
            setattr(data, item.name, str(expanded(path)))


def typed_words(typed: Sequence[str] | None) -> list[str]:
    """The words of options; of the command that Hydra has started if None is given."""
    return list(HydraConfig.get().overrides.task) if typed is None else list(typed)


def parse_config(composed: DictConfig, typed: Sequence[str] | None = None) -> TrainConfig:
    """Options of a training run, with checked values and absolute paths.

    Args:
        composed: the options as Hydra composed them.
        typed: the words that were given; None: those of the command that Hydra has started.
    """
    config = to_dataclass(_resumed(composed, typed), TrainConfig)
    if typed is None:
        raise_if_invalid(_launch_problems(config))
    make_paths_absolute(config)
    return config


def make_paths_absolute(config: TrainConfig) -> None:
    """Make the paths of a training run absolute: those of its cohort, and that of its initial weights."""
    make_absolute(config.data)
    if config.model.weights and config.model.weights not in NAMED_WEIGHTS:
        config.model.weights = str(expanded(config.model.weights))


def _launch_problems(config: TrainConfig) -> list[str]:
    """Problems of options that conflict with the way Hydra starts the run."""
    if not HydraConfig.initialized():
        return []
    hydra_config = HydraConfig.get()
    sweep = hydra_config.mode == RunMode.MULTIRUN
    messages = []
    if sweep and config.train.resume:
        messages.append("train.resume: continues one run; leave out -m")
    if sweep and (config.trainer.devices != "1" or config.trainer.num_nodes > 1):
        messages.append(
            f"trainer.devices={config.trainer.devices}: a sweep gives each job one device, since every "
            "process of a distributed job would start the whole sweep again; start such runs one by one"
        )
    tasks = int(os.environ.get("SLURM_NTASKS", "1"))
    by_srun = tasks > 1 and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")
    external_launch = config.trainer.num_nodes > 1 or "TORCHELASTIC_RUN_ID" in os.environ or by_srun
    dir_given = any(word.startswith("hydra.run.dir=") for word in hydra_config.overrides.hydra)
    if external_launch and not dir_given and not config.train.resume:
        messages.append("hydra.run.dir: processes that start by themselves need one named folder to share")
    return messages


def _resumed(composed: DictConfig, words: Sequence[str] | None) -> DictConfig:
    """Load the stored options of a resumed run; only ``trainer.*`` and those of the machine may be changed.

    The options of the machine are not the stored ones but typed, or the defaults: the folder may come from
    another machine, or from somebody else.
    """
    folder = composed.train.resume
    if not folder:
        return composed
    stored = Path(folder) / "config.yaml"
    if not os.path.lexists(stored):
        raise UserError(
            f"train.resume={shown(folder)}: is not a run (no config.yaml there); name a run's folder"
        )
    if not is_regular(Path(folder) / "checkpoints" / "last.ckpt"):
        raise UserError(f"train.resume={shown(folder)}: nothing of it was saved yet; start a new run")
    recorded = read_options(Path(folder))
    defaults = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(TrainConfig), composed))
    assert isinstance(defaults, TrainConfig)
    config: DictConfig = OmegaConf.structured(options_here(recorded, defaults))
    of_machine = [name for name in MACHINE if name.startswith("data.")]
    typed = OverridesParser.create().parse_overrides(typed_words(words))
    for override in typed:
        key = override.key_or_group
        weights = key == "model.weights" and recorded.model.frozen
        if key not in MACHINE and not key.startswith("trainer.") and not weights:
            raise UserError(
                f"{override.input_line}: a resumed run keeps its own options ({shown(stored)}); "
                f"only trainer.* may change, and {', '.join(of_machine)}. Start a new run for anything else."
            )
        OmegaConf.update(config, key, override.value())
    _tell_other_devices(recorded, OmegaConf.to_object(config))
    _require_weights(recorded, [override.key_or_group for override in typed])
    return config


def _tell_other_devices(recorded: TrainConfig, here: object) -> None:
    """Log that a run of several devices continues with others: the machine decides how many."""
    assert isinstance(here, TrainConfig)
    names = ("devices", "num_nodes", "strategy")
    before, now = (
        " ".join(f"trainer.{name}={getattr(one.trainer, name)}" for name in names) for one in (recorded, here)
    )
    if before != now:
        log.warning(
            "the run was started with %s and continues with %s: set other values if needed",
            shown(before),
            now,
        )


def _require_weights(recorded: TrainConfig, typed: list[str]) -> None:
    """Have the weights of a frozen network typed again, since its checkpoints hold the head alone.

    No file is read because a run's config.yaml names it.

    Raises:
        UserError: they are not typed.
    """
    weights = recorded.model.weights
    if recorded.model.frozen and weights not in (None, *NAMED_WEIGHTS) and "model.weights" not in typed:
        raise UserError(
            "model.weights: the checkpoints of a frozen network hold its head alone; give the file of the "
            f"others again, as it was: model.weights={shown(weights)}"
        )
