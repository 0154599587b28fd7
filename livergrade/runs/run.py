"""One finished run, read back from its folder: what was tried, on which split, and what came of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pandas as pd

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, TrainConfig
from livergrade.errors import UserError
from livergrade.evaluation.ood import Appearance, read_appearance
from livergrade.evaluation.predictions import class_names, read_predictions
from livergrade.evaluation.splits import read_split_table
from livergrade.evaluation.summary import RunMetrics, read_metrics
from livergrade.evaluation.uncertainty import Calibration, read_calibration
from livergrade.models.catalog import label
from livergrade.runs.environment import Environment, read_environment
from livergrade.runs.folder import read_options

# What does not make two runs different experiments: which repeat it is, and, in MACHINE, where it ran.
REPEATS = ("seed", "split.seed", "split.fold")


class Run:
    """Everything that a run's folder holds, each file read when it is first asked for.

    Args:
        folder: of the run.

    Raises:
        UserError: from each attribute, where its file is missing, damaged or of another format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def finished(self) -> bool:
        """Whether it ran to its end."""
        return (self.folder / "finished.json").is_file()

    @property
    def best(self) -> Path:
        """Its best checkpoint."""
        return self.folder / "checkpoints" / "best.ckpt"

    @functools.cached_property
    def config(self) -> TrainConfig:
        """Its options."""
        return read_options(self.folder)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """The options that tell experiments apart, dotted key → value."""
        return {key: value for key, _, value in options(self.config) if key not in (*REPEATS, *MACHINE)}

    @property
    def model(self) -> str:
        """The network's name, or a timm network's own."""
        return label(self.config.model.name, self.config.model.backbone)

    @functools.cached_property
    def predictions(self) -> pd.DataFrame:
        """Its checked predictions, one row a view."""
        return read_predictions(self.folder / "predictions.csv")

    @functools.cached_property
    def tested(self) -> pd.DataFrame:
        """Those of the test side."""
        return self.predictions[self.predictions["split"] == "test"].reset_index(drop=True)

    @functools.cached_property
    def classes(self) -> list[str]:
        """Grades, worst to best."""
        return class_names(self.tested)

    @functools.cached_property
    def split(self) -> pd.DataFrame:
        """Its ``split.csv``."""
        return read_split_table(self.folder / "split.csv")

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """Its curves, one row an epoch; empty where it was only evaluated."""
        path = self.folder / "history.csv"
        return pd.read_csv(path) if path.is_file() else pd.DataFrame({"epoch": []})

    @functools.cached_property
    def metrics(self) -> RunMetrics:
        """Its ``metrics.json``."""
        return read_metrics(self.folder / "metrics.json")

    @functools.cached_property
    def environment(self) -> Environment:
        """Its ``environment.json``."""
        return read_environment(self.folder / "environment.json")

    @functools.cached_property
    def calibration(self) -> Calibration:
        """Its ``calibration.json``."""
        return read_calibration(self.folder / "calibration.json")

    @functools.cached_property
    def appearance(self) -> Appearance | None:
        """Its ``appearance.json``; None where it has none."""
        return read_appearance(self.folder / "appearance.json")

    def require_trained(self) -> None:
        """Refuse a run that has no trained network.

        Raises:
            UserError: the folder holds no run, or one that was not trained to its end.
        """
        self.config  # noqa: B018 - tells what is wrong with the folder, before the rest does
        if not self.finished or not self.best.is_file():
            raise UserError(f"{self.folder}: was not trained to its end; give the folder of a run that was")
