"""What TensorBoard shows of a finished test: numbers, curves, texts, and the row of the tab HPARAMS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning as L
import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
from tensorboard.plugins.hparams.summary_v2 import HParam, Metric, hparams_config_pb, hparams_pb
from torch.utils.tensorboard.summary import text

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, REPORTING
from livergrade.evaluation.leakage import warning
from livergrade.evaluation.levels import LevelName, aggregate
from livergrade.evaluation.summary import RunMetrics
from livergrade.io.visible import one_line
from livergrade.runs.history import MOST_EPOCHS
from livergrade.runs.run import Run
from livergrade.training.board import Board
from livergrade.training.board_figures import add_confusion, add_pr_curves
from livergrade.training.board_tags import BY_GRADE, describe, layout, tag_of
from livergrade.training.board_text import pages

LEVELS: dict[str, LevelName] = {"test": "view", "images": "image", "patients": "patient"}
"""Sets of `livergrade.training.board_tags.SETS` that the test measures, and their level in the metrics."""

HEADLINE = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc", "quadratic_kappa")
"""Metrics of images and patients."""


def log_outcome(trainer: L.Trainer, out: Path, words: Sequence[str] = ()) -> None:
    """Log the results of a test, and close the file: a sweep runs many jobs in one process.

    Args:
        trainer: its logger is the :class:`Board`.
        out: folder with the results of the test.
        words: overrides that tell this run from others, as ``seed=2``; they and the model are its options in
            the tab HPARAMS.
    """
    board = trainer.logger
    assert isinstance(board, Board)
    run, writer = Run(out), board.experiment
    metrics, classes = run.metrics, run.metrics["classes"]
    epoch = run.environment.get("best_epoch", 0)
    epoch = epoch if 0 <= epoch <= MOST_EPOCHS else 0  # an evaluated run may be somebody else's
    if "epochs" not in run.environment:  # a training has logged it at its start
        writer.add_custom_scalars(layout(classes))
    numbers = _numbers(metrics)
    board.log_metrics({name: value for name, value in numbers.items() if value is not None}, epoch)
    levels = aggregate(run.tested)
    for part, level in LEVELS.items():
        add_pr_curves(writer, part, levels[level].truth, levels[level].scores, classes, epoch)
        confusion, title = (
            np.asarray(metrics[level]["confusion"]),
            f"test, epoch {epoch}" if epoch else "test",
        )
        note = warning(metrics["leakage"])
        add_confusion(writer, part, confusion, classes, f"{title}: {level}s", note, epoch)
    for name, page in pages(run).items():
        summary = text(name, page)  # type: ignore[no-untyped-call]
        summary.value[0].tag = name  # PyTorch adds a word to it
        writer.file_writer.add_summary(summary, epoch)
    _log_hparams(board, run, words, [name for name in numbers if name.startswith("patients/")])
    writer.close()


def _numbers(metrics: RunMetrics) -> dict[str, float | None]:
    """Numbers of the test by name, ``patients/recall/poor``: of views those of a pass, and the headline."""
    numbers: dict[str, float | None] = {}
    for part, level in LEVELS.items():
        of_level = metrics[level]
        accuracy, by_grade = of_level["accuracy"], of_level["per_class"]
        numbers[f"{part}/accuracy"] = accuracy["value"]
        if part == "patients":  # the first columns of the tab HPARAMS: which model, how sure, which grade
            numbers |= {f"{part}/accuracy_{bound}": accuracy[bound] for bound in ("low", "high")}
            numbers |= {f"{part}/recall/{grade}": by_grade[grade]["recall"]["value"] for grade in by_grade}
        numbers |= {f"{part}/{name}": of_level[name]["value"] for name in HEADLINE}
        if part == "test":
            numbers["test/loss"] = of_level["log_loss"]["value"]
            numbers |= {
                f"{part}/{name}/{grade}": by_grade[grade][name]["value"]
                for name in BY_GRADE
                for grade in by_grade
            }
    return numbers


def run_options(run: Run, words: Sequence[str]) -> dict[str, bool | float | str]:
    """Return what the tab HPARAMS shows of a run: the model first, then the options in ``words``.

    Left out are those of the machine, what is shown while a run trains, and paths.
    """
    fields = {key: (item, value) for key, item, value in options(run.recorded)}
    shown: dict[str, bool | float | str] = {"model": one_line(run.model)}
    for word in words:
        key, _, typed = word.partition("=")
        key = key.lstrip("+~")
        item, value = fields.get(key, (None, typed))
        silent = key in (*MACHINE, *REPORTING, "model", "model.backbone") or (item and item.metadata["path"])
        if not silent:
            shown[key] = value if isinstance(value, bool | int | float) else one_line(value)
    return shown


def _log_hparams(board: Board, run: Run, words: Sequence[str], names: Sequence[str]) -> None:
    """Log the run's row of the tab HPARAMS: its options, and the numbers to sort runs by.

    All records are of the same file, after the numbers: without these the tab would stay empty.
    """
    chosen = run_options(run, words)
    label = " ".join([str(chosen["model"]), *(f"{key}={chosen[key]}" for key in list(chosen)[1:])])
    writer = board.experiment.file_writer
    columns = [
        Metric(tag_of(name), display_name=tag_of(name), description=describe(tag_of(name))) for name in names
    ]
    writer.add_summary(hparams_config_pb([HParam(key) for key in chosen], columns))
    writer.add_summary(hparams_pb(chosen, trial_id=f"{label} ({run.folder.name})"))
    content = HParamsPluginData(
        session_end_info=SessionEndInfo(status=STATUS_SUCCESS), version=metadata.PLUGIN_DATA_VERSION
    )
    kind = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=content.SerializeToString())
    ended = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=SummaryMetadata(plugin_data=kind))
    writer.add_summary(Summary(value=[ended]))
