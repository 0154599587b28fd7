"""What training and evaluation both leave in their folder."""

from pathlib import Path
from typing import Any

import lightning as L

from livergrade.config.schema import TrainConfig
from livergrade.data.datamodule import GradingData
from livergrade.evaluation.ood import write_appearance
from livergrade.evaluation.predictions import predictions_table, write_predictions
from livergrade.explanations.run_maps import write_run_maps
from livergrade.io.files import written_whole
from livergrade.runs.environment import environment
from livergrade.runs.paths import command_line
from livergrade.training.history import read_history
from livergrade.training.task import GradingTask


def run_facts(trainer: L.Trainer) -> dict[str, Any]:
    """What ``environment.json`` holds of any run: versions, machine, what was typed, device and precision."""
    return environment() | {
        "command": command_line(),
        "device": str(trainer.strategy.root_device),
        "precision": trainer.precision,
    }


def write_graded(
    out: Path,
    trainer: L.Trainer,
    task: GradingTask,
    data: GradingData,
    config: TrainConfig,
    reference: dict[str, Any] | None = None,
) -> None:
    """Write ``predictions.csv``, ``appearance.json`` and ``.csv``, and the maps for the report.

    Args:
        out: the folder.
        trainer: that tested the task.
        task: what it graded.
        data: the views that were graded.
        config: the run's options.
        reference: the ``appearance.json`` of the run whose network grades another cohort; None to fit one.
    """
    cohort = data.cohort
    write_predictions(predictions_table(cohort.table, cohort.classes, task.graded), out / "predictions.csv")
    write_appearance(out, data.split, data.squares, seed=config.seed, reference=reference)
    write_run_maps(out, task.net, task.classes, config, cohort.root, trainer.strategy.root_device)


def write_history(run: Path) -> dict[str, int]:
    """Write ``history.csv`` from the run's TensorBoard files.

    Returns:
        ``epochs``, how many there were, and ``best_epoch``, the one that was tested, counted from 0.
    """
    history = read_history(run / "tensorboard")
    with written_whole(run / "history.csv") as part:
        history.to_csv(part, index=False)
    by = "val/loss_smooth"
    chosen = history[by].argmin() if by in history else len(history) - 1
    return {"epochs": len(history), "best_epoch": int(history["epoch"].iloc[chosen])}
