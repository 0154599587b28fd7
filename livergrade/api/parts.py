"""The parts of a run by themselves: a cohort, a split of it, a network."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from livergrade.api.checked import checked
from livergrade.api.output import quietly
from livergrade.cli.arguments import require_type
from livergrade.cli.make_config import make_config
from livergrade.config.schema import ModelConfig, SplitConfig, TrainConfig
from livergrade.data.cohort import Cohort
from livergrade.data.kinds import open_cohort
from livergrade.data.split import open_split
from livergrade.errors import UserError
from livergrade.io.similar import similar

if TYPE_CHECKING:
    from torch import nn


def read_cohort(*words: str) -> Cohort:
    """Read and check a cohort, as a training run does: every row and every image.

    Args:
        *words: options of ``livergrade train``, as ``data=folder`` and ``data.root=images``.

    Returns:
        The cohort; its table is :attr:`Cohort.frame`.

    Raises:
        UserError: an option can't be used, or lists all problems of the cohort.
    """
    config = make_config(*words)
    with quietly(progress=config.trainer.progress):
        return open_cohort(config)


def make_split(cohort: Cohort, **options: Any) -> pd.DataFrame:  # noqa: ANN401 - as each option is
    """Draw a split of a cohort by patient, as a training run with these options does.

    Args:
        cohort: of :func:`read_cohort`.
        **options: of ``split.*``, as ``seed=1``, or ``name="kfold", folds=5, fold=0``.

    Returns:
        The images in the order of the cohort: ``image``, ``patient``, ``grade``, ``split`` and ``sha256``.

    Raises:
        UserError: there is no such option, values can't be used, or a grade has too few patients.
    """
    require_type("cohort", cohort, Cohort, "a cohort of read_cohort")
    split = _filled(SplitConfig, "split", options)
    return open_split(cohort, checked(TrainConfig(split=split), TrainConfig).split)


def build_model(name: str, classes: int = 3, **options: Any) -> nn.Module:  # noqa: ANN401
    """Build a network that maps ``float32 [B, 3, H, W]`` to raw logits ``[B, classes]``.

    Args:
        name: as ``model=`` has it, as ``senet``.
        classes: number of grades.
        **options: of ``model.*``, as ``head="corn"``, ``weights="imagenet"``, or ``backbone=`` of timm.

    Returns:
        The network in training mode, with random weights unless ``weights`` is given.

    Raises:
        UserError: there is no such network or option, or values can't be used.
    """
    require_type("name", name, str, "the name of a network, as 'senet'")
    require_type("classes", classes, (int, np.integer), "a whole number")
    filled = _filled(ModelConfig, "model", {"name": name} | options)
    model = checked(TrainConfig(model=filled), TrainConfig).model
    if classes < 2:
        raise UserError(f"classes={classes}: must be at least 2")
    from livergrade.models.build import build  # loads torch
    from livergrade.models.weights import load_weights

    net = build(model.name, classes, model.head, **model.architecture())
    if model.weights:
        load_weights(net, model.weights, name=model.name)
    return net


def _filled(schema: type[Any], group: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 - a dataclass
    """The options of a group, with those that were given.

    Raises:
        UserError: there is no such option.
    """
    known = [item.name for item in fields(schema)]
    for key in options:
        if key not in known:
            raise UserError(f"{group}.{key}: there is no such option; {similar(key, known)}")
    return schema(**options)
