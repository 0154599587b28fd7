"""A task on random views, and a trainer for it."""

from dataclasses import fields
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from livergrade.config.schema import LossConfig, ModelConfig, OptimConfig, TrainConfig
from livergrade.data.datamodule import GradingData
from livergrade.data.kinds import read_cohort
from livergrade.runs.folder import read_options
from livergrade.training.setup import choose_split, make_data, make_task
from livergrade.training.task import GradingTask
from livergrade.training.trainer import make_trainer

CLASSES = ["poor", "moderate", "well"]


def batches(grades: list[int], spoil: bool = False) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    views = (
        torch.randn(len(grades), 3, 32, 32, generator=generator) + torch.tensor(grades)[:, None, None, None]
    )
    if spoil:
        views[0] = torch.inf
    rows = torch.arange(len(grades))
    return [{"view": views, "grade": torch.tensor(grades), "row": rows, "degrees": torch.zeros(len(grades))}]


def loader(grades: list[int], spoil: bool = False) -> torch.utils.data.DataLoader:
    return torch.utils.data.DataLoader(batches(grades, spoil), batch_size=None)


def trainer(folder: Path, **options: object) -> L.Trainer:
    logger = TensorBoardLogger(folder, name="", version="")
    return L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=logger,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        **options,
    )


def task(classes: list[str] = CLASSES, model: str = "resnet50", **changed: object) -> GradingTask:
    """A network with these options, whichever of its groups they belong to."""
    configs = ModelConfig(name=model), OptimConfig(), LossConfig()
    for config in configs:
        for item in fields(config):
            own = item.name not in ("name", "class_weights") or (item.name == "name" and config is configs[1])
            if item.name in changed and own:
                setattr(config, item.name, changed.pop(item.name))
    return GradingTask(classes, *configs, seed=0, **changed)


def resumed(run: Path) -> tuple[L.Trainer, GradingTask, GradingData, TrainConfig]:
    """What resumes a run on the CPU, as the command makes it."""
    config = read_options(run)
    config.train.resume = str(run)
    cohort = read_cohort(config.data)
    split, note = choose_split(config, cohort, run)
    data = make_data(config, cohort, split)
    return (
        make_trainer(config.trainer, run, validated="val" in data.test_splits, trained=config),
        make_task(config, cohort.classes, note, split),
        data,
        config,
    )
