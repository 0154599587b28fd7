"""What training and evaluation both leave in their folder."""

import time
from pathlib import Path

import lightning as L

from livergrade.config.schema import TrainConfig
from livergrade.data.datamodule import GradingData
from livergrade.evaluation.ood import write_appearance
from livergrade.evaluation.predictions import predictions_table, write_predictions
from livergrade.evaluation.summary import RunMetrics
from livergrade.explanations.run_maps import write_run_maps
from livergrade.io.files import atomic_write, write_json
from livergrade.reports.results import write_results
from livergrade.runs.environment import Environment, environment
from livergrade.runs.paths import command_line
from livergrade.runs.run import Run
from livergrade.training.history import read_history
from livergrade.training.task import GradingTask


def run_facts(trainer: L.Trainer) -> Environment:
    """What ``environment.json`` holds of any run: versions, machine, what was typed, device and precision."""
    return environment() | {
        "command": command_line(),
        "device": str(trainer.strategy.root_device),
        "precision": trainer.precision,
    }


def evaluation_facts(trainer: L.Trainer, trained: Run) -> Environment:
    """The same of an evaluation: beside it what is known of the network, and which run trained it."""
    facts = trained.environment | run_facts(trainer)
    facts |= {"trained_run": str(trained.folder), "trained_by": trained.environment.get("command")}
    facts.pop("epochs", None)  # of the training
    facts.pop("seconds", None)
    return facts


def write_outputs(
    out: Path,
    trainer: L.Trainer,
    task: GradingTask,
    data: GradingData,
    config: TrainConfig,
    facts: Environment,
    *,
    started: float = 0.0,
    trained: Run | None = None,
) -> RunMetrics:
    """Write what follows from a test pass: predictions, appearance, maps, metrics, figures and the report.

    Args:
        out: the folder.
        trainer: that tested the task.
        task: what it graded.
        data: the views that were graded.
        config: the run's options.
        facts: what ``environment.json`` is to hold.
        started: when training began, by `time.monotonic`.
        trained: the run whose network was evaluated; None where it was trained here.

    Returns:
        What ``metrics.json`` holds.
    """
    cohort = data.cohort
    reference = trained.appearance if trained else None
    write_predictions(predictions_table(cohort.table, cohort.classes, task.graded), out / "predictions.csv")
    write_appearance(out, data.split, data.squares, seed=config.seed, reference=reference)
    write_run_maps(out, task.net, task.classes, config, cohort.root, trainer.strategy.root_device)
    if not trained:
        epochs, best = write_history(out)
        seconds = round(time.monotonic() - started, 1)
        facts = facts | {"epochs": epochs, "best_epoch": best, "seconds": seconds}
    write_json(facts, out / "environment.json")
    # Another cohort has no validation side: it is answered with the care that was learned from the run's own.
    external = config.split.name == "external"
    calibration = trained.calibration if trained and external else None
    return write_results(out, cohort.root, calibration)


def write_history(run: Path) -> tuple[int, int]:
    """Write ``history.csv`` from the run's TensorBoard files.

    Returns:
        How many epochs there were, and which was tested, counted from 0.
    """
    history = read_history(run / "tensorboard")
    with atomic_write(run / "history.csv") as part:
        history.to_csv(part, index=False)
    by = "val/loss_smooth"
    chosen = history[by].argmin() if by in history else len(history) - 1
    return len(history), int(history["epoch"].iloc[chosen])
