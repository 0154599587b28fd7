"""Check the values of a config object, and tell all that is wrong at once."""

from typing import Any

from livergrade.config.fields import options
from livergrade.config.schema import DataConfig, EvaluateConfig, ModelConfig, TrainConfig
from livergrade.config.views import view_count
from livergrade.models.catalog import OPTIONS


def problems(config: Any) -> list[str]:  # noqa: ANN401
    """Check every value against its declaration; returns one line for each that is wrong, all at once."""
    found = []
    for key, item, value in options(config):
        choices, low, high = (item.metadata[name] for name in ("choices", "low", "high"))
        if value is None:
            continue
        if choices and value not in choices:
            found.append(f"{key}={value}: must be one of {', '.join(choices)}")
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"at least {low:g}" + ("" if high is None else f" and at most {high:g}")
            found.append(f"{key}={value}: must be {bounds}")
    if isinstance(config, TrainConfig):
        return found + _model_problems(config) + _relations(config)
    if isinstance(config, EvaluateConfig) and config.data:
        found += _data_problems(config.data)
    return found


def _relations(config: TrainConfig) -> list[str]:
    """What no single option shows."""
    data, split, augment = config.data, config.split, config.augment
    found = _data_problems(data)
    if split.fold and split.name != "kfold":
        found.append(f"split.fold={split.fold}: is of no use with split={split.name}; say split=kfold")
    if data.split_file and split.name == "kfold":
        found.append("data.split_file: a given split has no folds to choose; leave out split=kfold")
    if split.name == "kfold" and split.fold >= split.folds:
        found.append(f"split.fold={split.fold}: folds are numbered 0 to {split.folds - 1}")
    if abs(360 / augment.step_degrees - round(360 / augment.step_degrees)) > 1e-9:
        found.append(f"augment.step_degrees={augment.step_degrees:g}: must divide 360")
    if config.optim.nesterov and not (config.optim.name == "sgd" and config.optim.momentum):
        found.append("optim.nesterov: needs momentum; say optim=sgd optim.momentum=0.9")
    views = round(360 / augment.step_degrees)
    for key, words in (
        ("train_views", ("all", "sample", "upright")),
        ("val_views", ("all", "upright")),
        ("test_views", ("all", "upright")),
    ):
        value = getattr(augment, key)
        if value not in words and view_count(value, views) is None:
            found.append(f"augment.{key}={value}: must be {', '.join(words)} or a number from 1 to {views}")
    return found


def _data_problems(data: DataConfig) -> list[str]:
    """The grades; what a kind of cohort needs is told by :mod:`livergrade.data.kinds`."""
    found = []
    if len(data.classes) < 2 or len(set(data.classes)) != len(data.classes) or not all(data.classes):
        found.append(f"data.classes={data.classes}: needs at least two different grades, none of them blank")
    return found


def _model_problems(config: TrainConfig) -> list[str]:
    model, papers = config.model, ModelConfig()
    found = []
    for key in sorted({key for keys in OPTIONS.values() for key in keys}):
        value, users = getattr(model, key), [name for name, keys in OPTIONS.items() if key in keys]
        if value != getattr(papers, key) and model.name not in users:
            found.append(f"model.{key}={value}: is of no use with model={model.name}; say model={users[0]}")
    if model.name == "timm" and not model.backbone:
        found.append("model.backbone: model=timm needs the network, as in model.backbone=convnext_tiny")
    if model.kernel_size % 2 == 0:
        found.append(f"model.kernel_size={model.kernel_size}: must be odd")
    if 128 % model.groups:
        found.append(f"model.groups={model.groups}: must divide 128")
    if model.frozen and config.optim.layer_decay != 1:
        found.append(
            "optim.layer_decay: is of no use with model.frozen=true, where the head alone is trained"
        )
    if model.frozen and (config.trainer.devices != "1" or config.trainer.num_nodes > 1):
        found.append("model.frozen: embeddings are made by one process; set trainer.devices=1")
    return found
