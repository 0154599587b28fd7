"""Output files that training and evaluation have in common."""

from collections.abc import Callable
from pathlib import Path

import lightning as L
import pandas as pd

from livergrade.config.schema import TrainConfig
from livergrade.data.datamodule import GradingData
from livergrade.data.scale import training_scale
from livergrade.evaluation.ood import write_appearance
from livergrade.evaluation.predictions import predictions_table, write_predictions
from livergrade.evaluation.scale import write_scale
from livergrade.evaluation.summary import RunMetrics
from livergrade.explanations.run_maps import write_run_maps
from livergrade.io.files import write_json
from livergrade.io.tables import write_table
from livergrade.reports.results import write_results
from livergrade.runs.environment import Environment, environment
from livergrade.runs.paths import command_line, distinguishing_words
from livergrade.runs.run import Run
from livergrade.training.board_outcome import log_outcome
from livergrade.training.history import read_history
from livergrade.training.projector import write_projector
from livergrade.training.task import GradingTask


def run_facts(trainer: L.Trainer) -> Environment:
    """Return the content of ``environment.json``: versions, machine, command line, device and precision."""
    return environment(trainer.strategy.root_device) | {
        "command": command_line(),
        "precision": trainer.precision,
    }


def evaluation_facts(trainer: L.Trainer, trained: Run) -> Environment:
    """Return the same for an evaluation, with the facts about the network and the run that trained it."""
    facts = trained.environment | run_facts(trainer)
    facts |= {"trained_run": str(trained.folder), "trained_by": trained.environment.get("command")}
    facts.pop("epochs", None)  # these describe the training, not the evaluation
    facts.pop("seconds", None)
    facts.pop("starts", None)
    return facts


def write_outputs(
    out: Path,
    trainer: L.Trainer,
    task: GradingTask,
    data: GradingData,
    config: TrainConfig,
    facts: Callable[[], Environment],
    *,
    trained: Run | None = None,
    folds: pd.Series | None = None,
    recalibrate: bool = False,
) -> RunMetrics:
    """Write the outputs of a test pass: predictions, OOD statistics, maps, metrics, figures and the report.

    TensorBoard shows them, too. Folds that graded their own cohort have neither OOD statistics nor maps nor
    embeddings: all would be about images that the ensemble was trained on, and on which its OOD threshold was
    fitted.

    Args:
        out: the output folder.
        trainer: the trainer that tested the task.
        task: the network with its predictions.
        data: the views that were graded.
        config: the run's options.
        facts: returns the content of ``environment.json``, with the time until now.
        trained: the run that trained the evaluated network; None if it was trained in this run.
        folds: fold of each image by its name, if the folds of a cross-validation graded their own cohort.
        recalibrate: whether another cohort than the run's is calibrated by its own patients.

    Returns:
        The content of ``metrics.json``.
    """
    cohort = data.cohort
    reference = trained.appearance if trained else None
    predictions = predictions_table(cohort.table, cohort.classes, task.graded)
    if folds is not None:
        predictions = predictions.assign(fold=predictions["image"].map(folds))
    write_predictions(predictions, out / "predictions.csv")
    write_scale(out, trained.scale if trained else training_scale(config, cohort, data.split))
    if folds is None:
        write_appearance(out, data.split, data.squares, seed=config.seed, reference=reference)
        device = trainer.strategy.root_device
        write_run_maps(out, task.net, task.classes, config, cohort.root, device)
        write_projector(out / "tensorboard", task, data, predictions, device)
    recorded = facts()
    if not trained:
        epochs, best = write_history(out)
        recorded = recorded | {"epochs": epochs, "best_epoch": best}
    write_json(recorded, out / "environment.json")
    # Another cohort, or all folds, have no validation part: the calibration is that of what was evaluated.
    external = config.split.name == "external"
    calibration = trained.calibration if trained and (external or folds is not None) else None
    metrics = write_results(
        out, cohort.root, calibration, outside=config.data.outside, recalibrate=recalibrate
    )
    log_outcome(trainer, out, () if trained else distinguishing_words())
    return metrics


def write_history(run: Path) -> tuple[int, int]:
    """Write ``history.csv`` from the run's TensorBoard files.

    Returns:
        Number of epochs, and the epoch that was tested, counted from 1.
    """
    history = read_history(run / "tensorboard")
    write_table(history, run / "history.csv", None)
    criterion = "val/loss_smooth"
    best = history[criterion].argmin() if criterion in history else len(history) - 1
    return len(history), int(history["epoch"].iloc[best])
