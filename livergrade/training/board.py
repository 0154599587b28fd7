"""The run's logger: a pass is one record of TensorBoard's file, with plain tags and their descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

from livergrade.training.board_tags import describe, tag_of


class Board(TensorBoardLogger):
    """Lightning's logger for TensorBoard, whose steps are epochs counted from 1.

    Lightning's own makes a record of each number, in the thread that trains. Here the numbers of a pass are
    one record, made in a sixth of the time; the writer's own thread brings it to disk.

    Args:
        run: the run folder; the files lie in its ``tensorboard/``.
    """

    def __init__(self, run: Path) -> None:
        super().__init__(run, name="tensorboard", version="", default_hp_metric=False)
        self._described: set[str] = set()

    @rank_zero_only
    def save(self) -> None:
        """Bring what was logged to disk; Lightning's own would also write an empty ``hparams.yaml``."""
        self.experiment.flush()

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers by their names, like ``val/f1/poor``.

        Args:
            metrics: the numbers; NaN for one that is not defined.
            step: the epoch, counted from 1.
        """
        values = []
        for name, number in metrics.items():
            tag = tag_of(name)
            value = Summary.Value(tag=tag, simple_value=float(number))
            if tag not in self._described:  # TensorBoard keeps the first description of a tag
                self._described.add(tag)
                kind = SummaryMetadata.PluginData(plugin_name="scalars")
                value.metadata.CopyFrom(SummaryMetadata(plugin_data=kind, summary_description=describe(tag)))
            values.append(value)
        self.experiment._get_file_writer().add_summary(Summary(value=values), step)
