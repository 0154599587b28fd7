"""A task on random views, and a trainer for it."""

from dataclasses import fields
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from livergrade.config.schema import LossConfig, ModelConfig, OptimConfig
from livergrade.training.task import GradingTask

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
