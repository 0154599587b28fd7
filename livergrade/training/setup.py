"""From a run's options to what Lightning trains: the views, the task, and the weights it starts from."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from torch import nn

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort, cache_root
from livergrade.data.datamodule import GradingData
from livergrade.models.backbone import refuse_size
from livergrade.models.build import normalisation
from livergrade.models.catalog import label
from livergrade.models.layers import count
from livergrade.models.weights import load_weights
from livergrade.runs.environment import Environment, read_environment
from livergrade.training.checkpoints import where_saved
from livergrade.training.task import GradingTask
from livergrade.training.trainer import channels_last

log = logging.getLogger(__name__)


def make_data(config: TrainConfig, cohort: Cohort, split: pd.DataFrame) -> GradingData:
    """The batches of a run: a split of a cohort, normalised as its network expects."""
    channels = normalisation(config.model.name, **config.model.architecture())
    cache = cache_root(config.data) / "images"
    return GradingData(cohort, split, config.data, config.augment, cache, config.seed, channels)


def make_task(
    config: TrainConfig, classes: list[str], note: str, weights: Sequence[float] = ()
) -> GradingTask:
    """The task of a run, with random weights.

    Args:
        config: its options.
        classes: the grades, worst to best.
        note: printed on every figure.
        weights: of each grade in the loss; none for equal ones.

    Raises:
        UserError: the network can't take images of this size, or can't be built.
    """
    if config.model.backbone:
        refuse_size(config.model.backbone, config.data.image_size)
    return GradingTask(
        classes,
        config.model,
        config.optim,
        config.loss,
        seed=config.seed,
        mixup=config.augment.mixup,
        class_weights=weights,
        channels_last=channels_last(config.trainer),
        note=note,
    )


def start_weights(net: nn.Module, config: TrainConfig, run: Path) -> Environment:
    """Load the weights that a run begins with, or say from where a resumed one goes on.

    Returns:
        For ``environment.json``: ``parameters``, ``trained_parameters``, and ``initialisation``, what the
        weights were at first.

    Raises:
        UserError: the weights, or the checkpoint to go on from, can't be read.
    """
    initial = "random"
    if config.train.resume and not config.model.frozen:  # no unfinished checkpoint holds a frozen network
        initial = read_environment(run / "environment.json")["initialisation"]
    elif config.model.weights:
        initial = load_weights(net, config.model.weights, name=config.model.name)
    if config.model.frozen and not config.model.weights:
        log.warning("model.frozen: the network stays as random as it starts; give model.weights=<file>")
    parameters, trained = count(net)
    log.info(
        "%s: %s parameters, %s of them trained; initial weights: %s",
        label(config.model.name, config.model.backbone),
        f"{parameters:,}",
        "all" if trained == parameters else f"{trained:,}",
        initial,
    )
    if config.train.resume:
        best, last = run / "checkpoints" / "best.ckpt", run / "checkpoints" / "last.ckpt"
        fix = f"start a new run, with model.weights={best} to begin where that was best"
        log.info("going on from %s, saved at %s", last, where_saved(last, fix=fix))
    return {"parameters": parameters, "trained_parameters": trained, "initialisation": initial}
