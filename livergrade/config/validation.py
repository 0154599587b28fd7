"""Validate a config object and report all errors at once."""

import math
import re
from dataclasses import replace
from typing import Any

from livergrade.config.fields import options
from livergrade.config.region_classes import rule_problems
from livergrade.config.schema import (
    DataConfig,
    EvaluateConfig,
    ExplainConfig,
    ExportConfig,
    ModelConfig,
    PrepareConfig,
    ReviewConfig,
    TrainConfig,
)
from livergrade.config.views import view_count
from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.grade_map import grade_map_problems
from livergrade.io.grades import WITHHELD, too_many_grades
from livergrade.io.similar import meant, similar
from livergrade.io.visible import CONTROL, one_line, shown
from livergrade.models.catalog import OPTIONS
from livergrade.models.packaged import PACKAGED

LONGEST = 4096
"""Characters of an option's value, as many as a path may have."""
LONGEST_PATTERN = 1000
"""Characters of a regular expression."""


def problems(config: Any) -> list[str]:  # noqa: ANN401
    """Validate all values; returns one message for each error."""
    errors = []
    if isinstance(config, EvaluateConfig | ReviewConfig) and config.data and not config.data.name:
        config = replace(config, data=None)  # no cohort of its own: that of a run, or a table
    for key, item, value in options(config):
        choices, low, high = (item.metadata[name] for name in ("choices", "low", "high"))
        if value is None:
            continue
        errors += [f"{key}={shown(value, 60)}: {reason}" for reason in _unwritable(value)]
        if choices and value not in choices:
            errors.append(f"{key}={shown(value, 60)}: {similar(str(value), choices)}")
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"at least {low:g}" + ("" if high is None else f" and at most {high:g}")
            errors.append(f"{key}={shown(value, 60)}: must be {bounds}")
    if isinstance(config, TrainConfig):
        return errors + _model_errors(config) + _combination_errors(config)
    if isinstance(config, PrepareConfig):
        errors += _class_errors("classes", config.classes)
        errors += rule_problems(config.region_class, config.classes)
        errors += grade_map_problems(config.grades, "grades", config.classes)
    if isinstance(config, EvaluateConfig | ReviewConfig) and config.data:
        errors += _data_errors(config.data, known=False)
    if isinstance(config, ExportConfig):
        errors += _export_errors(config)
    if isinstance(config, ExplainConfig | ExportConfig) and config.data.bits and not config.images:
        errors.append(
            f"data.bits={config.data.bits}: the run's own images are read as it read them; leave it out"
        )
    return errors


def _export_errors(config: ExportConfig) -> list[str]:
    """Options that what is exported has no use for."""
    if config.to == "onnx":
        errors = ["tile_um: is of to=wsinfer; leave it out"] if config.tile_um is not None else []
        if config.page_runtime and not config.page:
            errors.append("page_runtime: has no effect without page=true; leave it out, or set that")
        return errors
    given = {
        "precision": config.precision != "float32",
        "abstain": config.abstain is not None,
        "page": config.page,
        "page_runtime": bool(config.page_runtime),
    }
    return [f"{name}: has no effect with to={config.to}; leave it out" for name in given if given[name]]


def stored_problems(config: TrainConfig) -> list[str]:
    """Validate the options of a run, which may be the evaluation of another cohort: that has no own split."""
    if config.split.name == "external":
        config = replace(config, split=replace(config.split, name="patient", fold=0))
    return problems(config)


def _unwritable(value: Any) -> list[str]:  # noqa: ANN401 - any option's value
    """Why a value can't be used, whatever option it is of."""
    if isinstance(value, float) and not math.isfinite(value):
        return ["must be a finite number"]
    if isinstance(value, list) and not all(isinstance(text, str) for text in value):
        return ["must be a list of words"]
    texts = (
        value
        if isinstance(value, list)
        else [*value, *value.values()]
        if isinstance(value, dict)
        else [value]
    )
    if any(isinstance(text, str) and (len(text) > LONGEST or CONTROL.search(text)) for text in texts):
        return [f"must have no control characters, and at most {LONGEST} others"]
    return []


def _combination_errors(config: TrainConfig) -> list[str]:
    """Errors in combinations of options."""
    data, split, augment = config.data, config.split, config.augment
    errors = _data_errors(data)
    if split.fold and split.name != "kfold":
        errors.append(f"split.fold={split.fold}: has no effect with split={split.name}; set split=kfold")
    if split.train_patients and (split.name == "image" or data.split_file):
        by = "data.split_file" if data.split_file else "split=image"
        errors.append(
            f"split.train_patients={split.train_patients}: has no effect with {by}; draw a split by patient"
        )
    if data.split_file and split.name == "kfold":
        errors.append("data.split_file: a given split file has no folds; leave out split=kfold")
    if split.val_fold and not split.val_folds:
        errors.append(f"split.val_fold={split.val_fold}: has no effect without split.val_folds")
    if split.val_folds and split.val_fold >= split.val_folds:
        errors.append(f"split.val_fold={split.val_fold}: folds are numbered 0 to {split.val_folds - 1}")
    if split.val_folds and split.name == "image":
        errors.append("split.val_folds: are of patients, so they have no effect with split=image")
    if split.name == "kfold" and split.fold >= split.folds:
        errors.append(f"split.fold={split.fold}: folds are numbered 0 to {split.folds - 1}")
    if not 1 <= augment.step_degrees <= 360:
        return errors  # said already, and there is no number of views
    if abs(360 / augment.step_degrees - round(360 / augment.step_degrees)) > 1e-9:
        errors.append(f"augment.step_degrees={augment.step_degrees:g}: must divide 360")
    if config.optim.nesterov and not (config.optim.name == "sgd" and config.optim.momentum):
        errors.append("optim.nesterov: needs momentum; set optim=sgd optim.momentum=0.9")
    n_views = round(360 / augment.step_degrees)
    for key, keywords in (
        ("train_views", ("all", "sample", "upright")),
        ("val_views", ("all", "upright")),
        ("test_views", ("all", "upright")),
    ):
        value = getattr(augment, key)
        if value not in keywords and view_count(value, n_views) is None:
            errors.append(
                f"augment.{key}={shown(value, 60)}: {meant(value, keywords)}must be {', '.join(keywords)} "
                f"or a number from 1 to {n_views}"
            )
    return errors


def _data_errors(data: DataConfig, *, known: bool = True) -> list[str]:
    """Errors in the grades; :mod:`livergrade.data.kinds` checks what each kind of cohort needs.

    Args:
        data: the options of the cohort.
        known: whether ``data.classes`` are the grades; else they are a run's.
    """
    errors: list[str] = []
    if not all(isinstance(name, str) for name in data.classes):
        return errors  # said already
    if len(data.classes) < 2 or len(set(data.classes)) != len(data.classes) or not all(data.classes):
        classes = shown(data.classes, 120)
        errors.append(f"data.classes={classes}: needs at least two different grades, none of them blank")
    if data.patient_pattern and len(data.patient_pattern) > LONGEST_PATTERN:
        errors.append(f"data.patient_pattern: is longer than {LONGEST_PATTERN} characters")
    errors += grade_map_problems(data.grades, "data.grades", data.classes if known else None)
    return errors + _class_errors("data.classes", data.classes)


def _class_errors(key: str, classes: list[str]) -> list[str]:
    """Too many or too long grades, and those that are a path, a formula, or have no place on one line."""
    errors = [f"{key}={reason}" for reason in too_many_grades(classes)]
    if paths := [name for name in classes if re.search(r"[/\\\n\t]", name) or set(name) == {"."}]:
        errors.append(f"{key}: {shown(paths[0], 60)} is a path, not the name of a grade")
    if taken := [name for name in classes if name in WITHHELD]:
        errors.append(f"{key}: {taken[0]} is what is answered where no grade is given; rename the grade")
    return errors + [
        f"{key}: {shown(repr(grade), 60)} {problem}"
        for grade in classes
        if (
            problem := cell_problem(grade)
            or ("has a control character" if one_line(grade) != grade else None)
        )
    ]


_OWN_FILE = "give each a file of its own, as mine/model/tiny.yaml: docs/experiments.md"
"""What to do where one ``model.backbone`` would apply to every network of a sweep."""


def _model_errors(config: TrainConfig) -> list[str]:
    model, defaults = config.model, ModelConfig()
    errors = []
    for key in sorted({key for keys in OPTIONS.values() for key in keys}):
        value, models = getattr(model, key), [name for name, keys in OPTIONS.items() if key in keys]
        if value != getattr(defaults, key) and model.name not in models:
            sweep = f"; in a sweep with others, {_OWN_FILE}" if key == "backbone" else ""
            errors.append(
                f"model.{key}={shown(value, 60)}: has no effect with model={model.name}; "
                f"set model={models[0]}{sweep}"
            )
    if model.name == "timm" and not model.backbone:
        errors.append("model.backbone: model=timm needs the network, as in model.backbone=convnext_tiny")
    elif model.name == "timm" and not re.fullmatch(r"[\w.\-]{1,100}", model.backbone or "", re.ASCII):
        errors.append(f"model.backbone={shown(model.backbone, 60)}: is not a name of a network of timm")
    elif (packaged := PACKAGED.get(model.weights or "")) and packaged.backbone != (
        model.backbone or ""
    ).partition(".")[0]:
        errors.append(
            f"model.weights={model.weights}: are weights of {packaged.backbone}, not of "
            f"{shown(model.backbone or model.name, 60)}; type model={model.weights} alone, which sets both; "
            f"in a sweep with other networks of timm, {_OWN_FILE}"
        )
    if model.kernel_size % 2 == 0:
        errors.append(f"model.kernel_size={model.kernel_size}: must be odd")
    if model.groups < 1 or 128 % model.groups:
        errors.append(f"model.groups={model.groups}: must divide 128")
    if model.frozen and config.optim.layer_decay != 1:
        errors.append(
            "optim.layer_decay: has no effect with model.frozen=true, where only the head is trained"
        )
    errors += _frozen_epochs_errors(config)
    if model.frozen and (config.trainer.devices != "1" or config.trainer.num_nodes > 1):
        errors.append("model.frozen: embeddings are computed by one process; set trainer.devices=1")
    return errors


def _frozen_epochs_errors(config: TrainConfig) -> list[str]:
    key, trainer = f"model.frozen_epochs={config.model.frozen_epochs}", config.trainer
    if not config.model.frozen_epochs:
        return []
    if config.model.frozen:
        return [f"{key}: has no effect with model.frozen=true, where the head alone is trained in all epochs"]
    errors = []
    if config.model.frozen_epochs >= trainer.max_epochs:
        errors.append(
            f"{key}: none of the {trainer.max_epochs} epochs (trainer.max_epochs) is left to train all "
            "layers in; set fewer, or model.frozen=true to train the head alone"
        )
    if trainer.strategy not in ("auto", "ddp"):
        errors.append(f"{key}: can't be had with trainer.strategy={trainer.strategy}; set auto or ddp")
    return errors


def raise_if_invalid(messages: list[str]) -> None:
    """Raise a `UserError` that lists the problems of the options, if there are any."""
    if messages:
        raise UserError("these options can't be used:\n" + "\n".join(f"  {line}" for line in messages))
