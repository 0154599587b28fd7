"""Build the split, the data module, the task and the initial weights from a run's options."""

import logging
from pathlib import Path

import pandas as pd
from torch import nn

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort
from livergrade.data.colour import log_colours
from livergrade.data.datamodule import GradingData
from livergrade.data.scale import log_scale
from livergrade.data.split import open_split, summary
from livergrade.evaluation.leakage import leakage, warning
from livergrade.io.cache_folder import cache_folder
from livergrade.models.backbone import refuse_size
from livergrade.models.build import normalisation
from livergrade.models.catalog import label
from livergrade.models.layers import count
from livergrade.models.weights import load_weights
from livergrade.runs.checkpoint_mark import checkpoint_mark
from livergrade.runs.environment import Environment
from livergrade.runs.starts import NOT_RECORDED
from livergrade.training.image_checks import check_appearance
from livergrade.training.losses import grade_weights
from livergrade.training.preflight import (
    check_environment,
    check_test_patients,
    raise_on_failures,
    try_weights,
)
from livergrade.training.task import GradingTask
from livergrade.training.trainer import channels_last, check_trainer
from livergrade.training.weights_file import weights_file_facts

log = logging.getLogger(__name__)


def choose_split(config: TrainConfig, cohort: Cohort, run: Path) -> tuple[pd.DataFrame, str]:
    """Return the split of a run and the note for its figures; log warnings about split and machine.

    A resumed run keeps its split.

    Raises:
        UserError: the split can't be drawn or read, or a check of the machine failed.
    """
    file = run / "split.csv" if config.train.resume else config.data.split_file
    split = open_split(cohort, config.split, file)
    note = describe_split(split, cohort.classes)
    log_scale(config, cohort, split)
    log_colours(cohort.paths, cohort.reading.icc)
    findings = [*check_environment(config), check_test_patients(split, cohort.classes)]
    raise_on_failures([*findings, *check_appearance(cohort)])
    return split, note


def describe_split(split: pd.DataFrame, classes: list[str]) -> str:
    """Log the size of each split; return a warning if patients leak between splits, else an empty string."""
    note = warning(leakage(split))
    log.info("%s\n%s", summary(split, classes), f"\n{note}\n" if note else "")
    return note


def make_data(config: TrainConfig, cohort: Cohort, split: pd.DataFrame) -> GradingData:
    """Return the data module of a run: a split of a cohort, normalised as its network expects."""
    channels = normalisation(config.model.name, **config.model.architecture())
    cache = cache_folder(config.data.cache_dir) / "images"
    share = config.trainer.gpu_share
    return GradingData(cohort, split, config.data, config.augment, cache, config.seed, channels, share)


def make_task(
    config: TrainConfig, classes: list[str], note: str, split: pd.DataFrame | None = None
) -> GradingTask:
    """Return the task of a run, with random weights.

    Args:
        config: the run's options.
        classes: the grades, worst to best.
        note: printed on every figure.
        split: the split, from which ``loss.class_weights`` counts the training images, and by which its
            checkpoints are known; None if the task is only tested.

    Raises:
        UserError: the network can't take images of this size, or can't be built.
    """
    if config.model.backbone:
        refuse_size(config.model.backbone, config.data.image_size)
    weights: list[float] = []
    if split is not None and config.loss.class_weights:
        weights = grade_weights(split, classes)
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
        figure_epochs=config.trainer.figure_epochs,
        mark=None if split is None else checkpoint_mark(config, split),
    )


def check_start(config: TrainConfig) -> None:
    """Check what needs no image, before a large cohort is read: device, precision, network and weights.

    Raises:
        UserError: one of them can't be used.
    """
    check_trainer(config.trainer)
    if config.model.backbone:
        refuse_size(config.model.backbone, config.data.image_size)
    if config.model.weights and (config.model.frozen or not config.train.resume):
        try_weights(config)


def start_weights(net: nn.Module, config: TrainConfig, earlier: Environment | None = None) -> Environment:
    """Load the initial weights of a run; one that is resumed gets its weights from its checkpoint.

    Args:
        net: the network.
        config: the run's options.
        earlier: what the earlier starts of a resumed run recorded.

    Returns:
        For ``environment.json``: ``parameters``, ``trained_parameters``, ``initialisation``, the source of
        the initial weights, and ``weights_sha256`` if it is a file.

    Raises:
        UserError: the weights can't be read.
    """
    initial = "random"
    if config.train.resume and not config.model.frozen:  # its checkpoints lack the frozen layers
        initial = (earlier or {}).get("initialisation", NOT_RECORDED)
    elif config.model.weights:
        initial = load_weights(net, config.model.weights, name=config.model.name)
    if config.model.frozen and not config.model.weights:
        log.warning("model.frozen: the frozen layers keep random weights; set model.weights=<file>")
    if config.model.frozen_epochs and initial == "random":
        log.warning(
            "model.frozen_epochs=%d: the head is first trained on layers with random weights; set "
            "model.weights=<file>",
            config.model.frozen_epochs,
        )
    parameters, trained = count(net)
    log.info(
        "%s: %s parameters, %s of them trainable; initial weights: %s",
        label(config.model.name, config.model.backbone),
        f"{parameters:,}",
        "all" if trained == parameters else f"{trained:,}",
        initial,
    )
    facts: Environment = {
        "parameters": parameters,
        "trained_parameters": trained,
        "initialisation": initial,
    }
    return facts | weights_file_facts(config, earlier)
