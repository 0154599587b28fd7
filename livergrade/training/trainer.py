"""The Lightning trainer of a run, and what it picks for the device it finds."""

import logging
import warnings
from pathlib import Path

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import TensorBoardLogger

from livergrade.config.fields import options
from livergrade.config.schema import TrainConfig, TrainerConfig
from livergrade.errors import UserError
from livergrade.evaluation.levels import LevelName
from livergrade.evaluation.summary import RunMetrics
from livergrade.training.callbacks import run_callbacks
from livergrade.training.checkpoints import checkpoint_writer


def quiet_libraries() -> None:
    """Keep from the screen what only people who write trainers can act on; for commands."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # importing it sets INFO
    logging.getLogger("tensorboard").setLevel(logging.WARNING)  # it tells of every file it opens
    warnings.filterwarnings("ignore", module=r"(lightning|torchmetrics)\.")


def make_trainer(chosen: TrainerConfig, run: Path, *, validated: bool, ema: float | None = None) -> L.Trainer:
    """A trainer that writes into the run folder alone.

    Args:
        chosen: ``trainer.*``.
        run: the run folder.
        validated: the split has a validation side.
        ema: ``optim.ema``.

    Raises:
        UserError: this machine, or Lightning, has no such device, strategy or precision.
    """
    if on_gpu(chosen):
        torch.set_float32_matmul_precision("high" if chosen.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = chosen.tf32
    try:
        return L.Trainer(
            default_root_dir=run,
            max_epochs=chosen.max_epochs,
            accelerator=chosen.accelerator,
            devices=chosen.devices,
            num_nodes=chosen.num_nodes,
            strategy=chosen.strategy,
            precision=_precision(chosen),  # type: ignore[arg-type]
            deterministic=chosen.deterministic,
            sync_batchnorm=chosen.sync_batchnorm and on_gpu(chosen),  # PyTorch has none for a CPU
            benchmark=not chosen.deterministic,  # every batch has one size: cuDNN's fastest kernels for it
            limit_train_batches=chosen.limit_batches,
            limit_val_batches=chosen.limit_batches,
            limit_test_batches=chosen.limit_batches,
            logger=TensorBoardLogger(run, name="tensorboard", version="", default_hp_metric=False),
            plugins=[checkpoint_writer()],
            callbacks=run_callbacks(
                run / "checkpoints",
                validated=validated,
                progress=chosen.progress,
                minutes=chosen.save_minutes,
                map_epochs=chosen.map_epochs,
                ema=ema,
            ),
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1_000_000,  # everything is logged once an epoch
            use_distributed_sampler=False,  # ViewPlan deals the views to the processes itself
        )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise UserError(f"trainer.*: {error}") from error


def on_gpu(chosen: TrainerConfig) -> bool:
    """Whether this run will be on a CUDA device."""
    return chosen.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def _precision(chosen: TrainerConfig) -> str:
    if chosen.precision != "auto":
        return chosen.precision
    native = on_gpu(chosen) and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if native else "32-true"


def channels_last(chosen: TrainerConfig) -> bool:
    """Whether to keep images and weights channels-last: what was asked for, or where it pays (on a GPU)."""
    return on_gpu(chosen) if chosen.channels_last == "auto" else chosen.channels_last == "yes"


def log_outcome(trainer: L.Trainer, config: TrainConfig, metrics: RunMetrics) -> None:
    """Fill TensorBoard's HPARAMS tab: every option, and the figures to sort runs by.

    Once and with the figures: what is logged without them first leaves the tab empty.
    """
    chosen = {key: str(value) if isinstance(value, list) else value for key, _, value in options(config)}
    levels: tuple[LevelName, ...] = ("image", "patient")
    outcome = {
        f"{level}/{name}": metrics[level][name]["value"]
        for level in levels
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "quadratic_kappa")
    }
    assert isinstance(trainer.logger, TensorBoardLogger)
    trainer.logger.log_hyperparams(
        chosen, {name: value for name, value in outcome.items() if value is not None}
    )
    trainer.logger.experiment.close()  # a sweep runs many jobs in one process
