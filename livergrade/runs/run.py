"""One finished run, read from its folder: options, split, predictions and results."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, REPORTING, TrainConfig
from livergrade.errors import UserError
from livergrade.evaluation.ood import Appearance, read_appearance, read_distances
from livergrade.evaluation.predictions import class_names, read_predictions
from livergrade.evaluation.scale import Scale, read_scale
from livergrade.evaluation.splits import read_split_table
from livergrade.evaluation.summary import RunMetrics, read_metrics
from livergrade.evaluation.uncertainty import Calibration, read_calibration
from livergrade.io.fingerprints import Fingerprints
from livergrade.io.inside import Inside, OutsideError
from livergrade.io.json_files import in_file
from livergrade.io.regular_files import is_regular
from livergrade.io.visible import one_line, shown
from livergrade.models.catalog import label
from livergrade.runs.checkpoint_mark import checkpoint_mark
from livergrade.runs.environment import Environment, read_environment
from livergrade.runs.finished import NAME, refuse_replaced
from livergrade.runs.folder import options_here, read_options
from livergrade.runs.history import read_curves

if TYPE_CHECKING:
    from torch import nn

# Options that do not distinguish experiments: the repeat, the hardware (MACHINE), and what is shown of it.
REPEATS = ("seed", "split.seed", "split.fold")

Content = TypeVar("Content")


def display_name(folder: Path) -> str:
    """Name of a run on pages and in files that travel: its folder and the one above, not where they lie."""
    return "/".join(folder.parts[-2:])


class Run:
    """Content of a run folder; each file is read at first access.

    Args:
        folder: folder of the run.

    Attributes:
        members: the runs whose networks answer together; of a single run itself.

    Raises:
        UserError: from each attribute, if its file is missing, damaged or of another format, or is not the
            one that the run was finished with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.members: list[Run] = [self]

    @property
    def finished(self) -> bool:
        """Whether the run completed."""
        return is_regular(self.folder / NAME)

    @property
    def best(self) -> Path:
        """Path of the best checkpoint."""
        return self.folder / "checkpoints" / "best.ckpt"

    @functools.cached_property
    def config(self) -> TrainConfig:
        """Options to use the run with: those that it was trained with, and this machine's own.

        The folder of a run may come from another machine or from somebody else: where caches lie and what
        computes is not its choice.
        """
        return options_here(self.recorded, TrainConfig())

    @functools.cached_property
    def recorded(self) -> TrainConfig:
        """Options that the run was trained with, for its report."""
        return self._own("config.yaml", read_options(self.folder))

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """Options that distinguish experiments, dotted key → value."""
        shared = (*REPEATS, *MACHINE, *REPORTING)
        return {key: value for key, _, value in options(self.config) if key not in shared}

    @property
    def model(self) -> str:
        """Name of the network, or of the timm backbone."""
        return label(self.config.model.name, self.config.model.backbone)

    @functools.cached_property
    def predictions(self) -> pd.DataFrame:
        """Checked predictions, one row per view."""
        return self._own("predictions.csv", read_predictions(self.folder / "predictions.csv"))

    @functools.cached_property
    def tested(self) -> pd.DataFrame:
        """Predictions of the test split."""
        return self.predictions[self.predictions["split"] == "test"].reset_index(drop=True)

    @functools.cached_property
    def classes(self) -> list[str]:
        """Grades, worst to best.

        Raises:
            UserError: predictions.csv has others than config.yaml.
        """
        found, wanted = class_names(self.tested), self.recorded.data.classes
        if found != wanted:
            told = f"its grades are {', '.join(found)}, and {', '.join(wanted)} in config.yaml of the run"
            in_file(self.folder / "predictions.csv", [shown(told, 1000)])
        return found

    def network(self) -> nn.Module:
        """The network of the best checkpoint, in evaluation mode on the CPU; its grades are the options'.

        Raises:
            UserError: the checkpoint is damaged, could run code, or is of another network, other grades,
                other options or another split than config.yaml and split.csv say.
        """
        from livergrade.models.trained import trained_net

        model = self.recorded.model
        recorded = {"classes": self.recorded.data.classes, "name": model.name, "head": model.head}
        mark = checkpoint_mark(self.recorded, self.split)
        net, _ = trained_net(self.best, recorded | model.architecture() | mark)
        return self._own("checkpoints/best.ckpt", net)

    @functools.cached_property
    def split(self) -> pd.DataFrame:
        """Table of ``split.csv``."""
        return self._own("split.csv", read_split_table(self.folder / "split.csv"))

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """Training curves, one row per epoch; empty for an evaluation."""
        path = self.folder / "history.csv"
        curves = read_curves(path) if os.path.lexists(path) else pd.DataFrame({"epoch": []})
        return self._own("history.csv", curves)

    @functools.cached_property
    def metrics(self) -> RunMetrics:
        """Content of ``metrics.json``."""
        return self._own("metrics.json", read_metrics(self.folder / "metrics.json"))

    @functools.cached_property
    def environment(self) -> Environment:
        """Content of ``environment.json``."""
        return self._own("environment.json", read_environment(self.folder / "environment.json"))

    @functools.cached_property
    def calibration(self) -> Calibration:
        """Content of ``calibration.json``."""
        return self._own("calibration.json", read_calibration(self.folder / "calibration.json"))

    @functools.cached_property
    def appearance(self) -> Appearance | None:
        """Content of ``appearance.json``; None if missing."""
        return self._own("appearance.json", read_appearance(self.folder / "appearance.json"))

    @functools.cached_property
    def distances(self) -> pd.DataFrame:
        """Content of ``appearance.csv``."""
        return self._own("appearance.csv", read_distances(self.folder / "appearance.csv"))

    @functools.cached_property
    def scale(self) -> Scale | None:
        """Content of ``scale.json``; None if the scale of the training images is not known."""
        return self._own("scale.json", read_scale(self.folder / "scale.json"))

    @functools.cached_property
    def contents(self) -> dict[str, str]:
        """SHA-256 of each image by its name, from ``split.csv``."""
        return dict(zip(self.split["image"], self.split["sha256"], strict=True))

    def image(self, name: str, root: Inside) -> Path:
        """Path of an image that ``predictions.csv`` names.

        The run says where its images lie, and it may be somebody else's: of what lies there, only files whose
        content the run had when it was trained are used.

        Raises:
            UserError: it lies outside the folder of the images, or has another content than in the run.
        """
        where = self.folder / "predictions.csv"
        try:
            path = root.path(name)
        except OutsideError as error:
            raise UserError(f"{where}: image {one_line(name)} {error}") from None
        if is_regular(path) and Fingerprints(None).of([path])[0] != self.contents.get(name):
            raise UserError(
                f"{where}: image {one_line(name)} is not the file of the run's split.csv: {shown(path)} "
                "has another content; put that file back, or name images"
            )
        return path

    def _own(self, name: str, content: Content) -> Content:
        """What was read of a file, once it is known to be the one that the run was finished with."""
        refuse_replaced(self.folder, name)
        return content

    def require_measured(self) -> None:
        """Check all that a page about the run tells, before it is worked with for minutes.

        Raises:
            UserError: a file is missing, damaged or of another format.
        """
        self.require_trained()
        if self.metrics["classes"] != self.classes:
            told = f"classes: are not those of predictions.csv, {shown(', '.join(self.classes))}"
            in_file(self.folder / "metrics.json", [told])
        _ = self.environment, self.split

    def require_trained(self) -> None:
        """Check that the run has a trained network.

        Raises:
            UserError: the folder holds no run, or its training did not finish.
        """
        self.config  # noqa: B018 - raises first if the folder is no run
        if not self.finished or not is_regular(self.best):
            raise UserError(
                f"{shown(self.folder)}: was not trained to its end; give the folder of a run that was"
            )
