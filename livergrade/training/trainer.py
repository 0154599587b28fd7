"""The Lightning trainer of a run, with defaults that depend on the device."""

import logging
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from livergrade.config.schema import TrainConfig, TrainerConfig
from livergrade.errors import UserError
from livergrade.io.bars import show_bars
from livergrade.training.board import Board
from livergrade.training.callbacks import run_callbacks
from livergrade.training.checkpoints import checkpoint_writer
from livergrade.training.near_duplicates import NearDuplicatesAcrossSplit
from livergrade.training.step_graph import RecordedSteps

REFUSED = (MisconfigurationException, ValueError, TypeError, RuntimeError)
"""What Lightning raises for a device, strategy or precision that can't be used."""


def prepare_libraries(seed: int, *, bars: bool) -> None:
    """Hide messages of the libraries, and seed all random numbers, those of loader processes too.

    Args:
        seed: of the random numbers.
        bars: whether progress bars are shown on a terminal.
    """
    quiet_libraries()
    show_bars(bars)
    L.seed_everything(seed, workers=True, verbose=False)


def quiet_libraries() -> None:
    """Hide library messages that users of the commands cannot act on."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # importing it sets INFO
    logging.getLogger("tensorboard").setLevel(logging.WARNING)  # it logs every file it opens
    warnings.filterwarnings("ignore", module=r"(lightning|torchmetrics)\.")


def make_trainer(
    config: TrainerConfig, run: Path, *, validated: bool, trained: TrainConfig | None = None
) -> L.Trainer:
    """Return a trainer that writes only into the run folder.

    Args:
        config: ``trainer.*``.
        run: the run folder.
        validated: there is a validation split.
        trained: the options of a run that is trained; None if its network is tested alone.

    Raises:
        UserError: this machine or Lightning does not support the device, strategy or precision.
    """
    if on_gpu(config):
        torch.set_float32_matmul_precision("high" if config.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = config.tf32
    try:
        return L.Trainer(
            default_root_dir=run,
            max_epochs=config.max_epochs,
            **_hardware(config) | _strategy(config, trained),
            deterministic=config.deterministic,
            sync_batchnorm=config.sync_batchnorm and on_gpu(config),  # not available on a CPU
            benchmark=not config.deterministic,  # cuDNN's fastest kernels for the one batch size
            limit_train_batches=config.limit_batches,
            limit_val_batches=config.limit_batches,
            limit_test_batches=config.limit_batches,
            logger=Board(run),
            plugins=[checkpoint_writer()],
            callbacks=[
                *run_callbacks(
                    run / "checkpoints",
                    validated=validated,
                    progress=config.progress,
                    minutes=config.save_minutes,
                    map_epochs=config.map_epochs,
                    ema=trained.optim.ema if trained else None,
                ),
                NearDuplicatesAcrossSplit(run),
                *_recorded_steps(config, trained),
            ],
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1_000_000,  # everything is logged once an epoch
            use_distributed_sampler=False,  # ViewPlan shards the views over the processes itself
        )
    except REFUSED as error:
        raise _refusal(config, error) from error


def _recorded_steps(config: TrainerConfig, trained: TrainConfig | None) -> list[RecordedSteps]:
    if trained is None or not config.graph:
        return []
    return [RecordedSteps(batch=trained.data.batch_size, compiled=config.compile is not None)]


def check_trainer(config: TrainerConfig) -> None:
    """Check the device and what is computed on it, before the images are read.

    Raises:
        UserError: this machine or Lightning does not support the device, strategy or precision.
    """
    quiet_libraries()
    if config.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(
            f"trainer.accelerator={config.accelerator}: PyTorch finds no GPU; set trainer.accelerator=cpu, "
            "or repair the driver"
        )
    try:
        L.Trainer(**_hardware(config), logger=False, enable_checkpointing=False, enable_progress_bar=False)
    except REFUSED as error:
        raise _refusal(config, error) from error


def _hardware(config: TrainerConfig) -> dict[str, Any]:
    return {
        "accelerator": config.accelerator,
        "devices": config.devices,
        "num_nodes": config.num_nodes,
        "strategy": config.strategy,
        "precision": _precision(config),
    }


def _strategy(config: TrainerConfig, trained: TrainConfig | None) -> dict[str, str]:
    """Have several processes not wait for the gradients of layers that are frozen at first."""
    several = config.devices != "1" or config.num_nodes > 1
    frozen = trained is not None and trained.model.frozen_epochs > 0
    return {"strategy": "ddp_find_unused_parameters_true"} if frozen and several else {}


def _refusal(config: TrainerConfig, error: Exception) -> UserError:
    given = ", ".join(f"trainer.{name}={getattr(config, name)}" for name in _hardware(config))
    return UserError(f"trainer.*: {' '.join(str(error).split())} ({given})")


def on_gpu(config: TrainerConfig) -> bool:
    """Return whether the run will use a CUDA device."""
    return config.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def _precision(config: TrainerConfig) -> str:
    if config.precision != "auto":
        return config.precision
    native_bf16 = on_gpu(config) and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if native_bf16 else "32-true"


def channels_last(config: TrainerConfig) -> bool:
    """Return whether images and weights are channels-last; ``auto``: on a GPU, where it is faster."""
    return on_gpu(config) if config.channels_last == "auto" else config.channels_last == "yes"
