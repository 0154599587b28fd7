"""A finished run or sweep to be looked at and used: results, figures, and its network on new images."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from livergrade.api.checked import checked
from livergrade.api.output import absolute, quietly
from livergrade.cli.arguments import require_type
from livergrade.config.schema import PredictConfig
from livergrade.errors import UserError
from livergrade.evaluation.metric_catalog import overall
from livergrade.io.counted import counted
from livergrade.io.similar import similar
from livergrade.multirun.ensemble import Ensemble, open_run
from livergrade.reports.format import bounds, value
from livergrade.reports.verdict import limits, verdict
from livergrade.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from livergrade.inference.grader import Grader
    from livergrade.inference.pictures import Images


class LoadedRun(Run):
    """A finished run: what its folder holds, read at first access, and its network to grade with.

    Of `livergrade.runs.run.Run` it has ``metrics`` (as in ``metrics.json``: by level, then by name, with
    value and interval), ``predictions`` and ``split`` (tables of pandas), ``config``, ``history`` and more.

    Args:
        folder: folder of the run.
    """

    _grader: tuple[tuple[object, ...], Grader] | None = None

    @property
    def path(self) -> Path:
        """The folder, absolute."""
        return self.folder

    def figure(self, name: str) -> Figure:
        """A figure of the report, for a notebook or to be saved.

        Args:
            name: of its file in ``figures/`` without the suffix; ``confusion`` is ``confusion_patient``.

        Raises:
            UserError: there is no such figure, and the message lists those that there are; or a file of the
                run is missing or damaged.
        """
        require_type("name", name, str, "the name of a figure, as 'confusion'")
        from livergrade.reports.results import run_figures  # loads Matplotlib

        made = run_figures(self, self.metrics)
        wanted = "confusion_patient" if name == "confusion" else name
        if wanted not in made:
            raise UserError(f"figure {name}: {similar(name, sorted(made))}")
        return made[wanted]

    def predict(
        self,
        images: Images,
        *,
        mpp: float | Sequence[float | None] | None = None,
        views: str | None = None,
        calibrated: bool = True,
        coverage: float = 0.9,
        abstain: float | None = None,
        bits: int | None = None,
        batch_size: int = 32,
        workers: int = 4,
        accelerator: str = "auto",
        skip_unreadable: bool = False,
        progress: bool = True,
    ) -> pd.DataFrame:
        """Grade images by the same rules as ``livergrade predict``; see :func:`predict_images`."""
        for switch, given in (("skip_unreadable", skip_unreadable), ("progress", progress)):
            require_type(switch, given, (bool, np.bool_), "True or False")
        config = PredictConfig(
            run=str(self.folder),
            mpp=float(mpp) if isinstance(mpp, int | float | np.number) else None,
            views=views,
            calibrated=calibrated,
            coverage=coverage,
            abstain=abstain,
            batch_size=batch_size,
            workers=workers,
            accelerator=accelerator,
        )
        config.data.bits = bits
        config = checked(config, PredictConfig)
        from livergrade.inference.pictures import grade_pictures, pictures_of  # loads torch

        with quietly(progress=progress):
            pictures = pictures_of(images, mpp)
            grader = self._grader_of(config)
            table, failed = grade_pictures(pictures, grader, config, self.recorded.conformal)
        if failed and not skip_unreadable:
            lines = "\n".join(f"  {name} {reason}" for name, reason in failed.items())
            raise UserError(f"{len(failed)} of {counted(len(pictures), 'image')} can't be graded:\n{lines}")
        return table

    def _grader_of(self, config: PredictConfig) -> Grader:
        """The network, which stays loaded for the next call with the same options."""
        from livergrade.inference.grader import Grader

        key = (config.views, config.accelerator, config.calibrated)
        if self._grader is None or self._grader[0] != key:
            self._grader = key, Grader(self, config.views, config.accelerator, calibrated=config.calibrated)
        return self._grader[1]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        """Model, verdict, and the metrics of patients with their 95 % intervals, for a notebook."""
        metrics, model = self.metrics, self.model
        rows = "".join(
            f"<tr><td>{html.escape(metric.heading)}</td>"
            f"<td>{html.escape(value(metrics['patient'][metric.name], metric.unit))}</td>"
            f"<td>{html.escape(bounds(metrics['patient'][metric.name], metric.unit))}</td></tr>"
            for metric in overall()
            if metrics["patient"][metric.name]["value"] is not None
        )
        head = "<tr><th>Test patients</th><th>value</th><th>95 % interval</th></tr>"
        told = verdict(metrics, model)
        if self.config.data.name == "synthetic":
            told += f" {limits(metrics, self.config)[0]}"  # that nothing is about patients
        return (
            f"<div><p><b>{html.escape(model)}</b>: {html.escape(told)}</p>"
            f"<table>{head}{rows}</table>{self._link()}</div>"
        )

    def _link(self) -> str:
        """A link to the report, as a paragraph; empty if there is none."""
        pages = (self.folder / "report.html", self.folder / "comparison" / "report.html")
        page = next((page for page in pages if page.is_file()), None)
        if page is None:
            return ""
        here = page.is_relative_to(Path.cwd())  # a notebook's server gives what lies below it
        target = os.path.relpath(page) if here else page.as_uri()
        return f'<p><a href="{html.escape(target)}">{html.escape(str(page))}</a></p>'


class LoadedSweep(LoadedRun, Ensemble):
    """All runs of a sweep of one model, which answer together.

    Args:
        folder: folder of the sweep.
        members: its runs.
    """


def load_run(path: str | Path, network: str | None = None) -> LoadedRun:
    """Open a finished run, or a sweep of one model whose runs answer together.

    Args:
        path: folder of the run or of the sweep.
        network: which model of the sweep, by the name that its comparison has; None: there is one.

    Raises:
        UserError: there is no finished run, or the runs of the sweep can't answer together.
    """
    if network is not None:
        require_type("network", network, str, "the name of a model of the sweep, or None")
    run = open_run(absolute(path, "path"), network)
    if len(run.members) > 1:
        return LoadedSweep(run.folder, run.members)
    loaded = LoadedRun(run.folder)
    loaded.require_trained()
    return loaded


def predict_images(
    run: str | Path | LoadedRun,
    images: Images,
    *,
    mpp: float | Sequence[float | None] | None = None,
    views: str | None = None,
    calibrated: bool = True,
    coverage: float = 0.9,
    abstain: float | None = None,
    bits: int | None = None,
    batch_size: int = 32,
    workers: int = 4,
    accelerator: str = "auto",
    skip_unreadable: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Grade images with a trained network, by the same rules as ``livergrade predict``.

    Args:
        run: the run, or its folder or that of a sweep. :meth:`LoadedRun.predict` is the same, and keeps the
            network loaded from call to call.
        images: what is graded: a path, or several, of images, folders, patterns and tables as the command
            takes them; or an image in memory, or several: arrays ``uint8 [H, W, 3]`` (RGB), one of
            ``[N, H, W, 3]``, or pictures of Pillow.
        mpp: µm per pixel of images of which no table says it, a number or one for each image in memory; None:
            unknown, and it counts as of the run's scale.
        views: views that grade an image: ``all``, ``upright`` or a number as text; None: the run's.
        calibrated: whether probabilities are calibrated with the run's temperature.
        coverage: share of new patients whose set must contain the true grade.
        abstain: probability of the predicted grade below which the answer is ``unsure``; None: never.
        bits: bits that the values of 16-bit images really use; None: as of the run's images.
        batch_size: images at once.
        workers: threads that read images while others are graded.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        skip_unreadable: leave images out that can't be graded, with a warning in the log, and do not raise.
        progress: whether progress is shown, on a terminal or in a notebook.

    Returns:
        One row per image in the order given, with the columns of ``images.csv`` (docs/files.md): ``image``
        (path, or number from 0 of an image in memory), ``patient``, ``predicted``, ``p_<grade>``, ``spread``,
        ``agree``, ``distance``, ``unlike``, ``set`` and ``answer``.

    Raises:
        UserError: the run, an option or an image can't be used; all such images are listed.
    """
    loaded = run if isinstance(run, LoadedRun) else load_run(absolute(run, "run"))
    return loaded.predict(
        images,
        mpp=mpp,
        views=views,
        calibrated=calibrated,
        coverage=coverage,
        abstain=abstain,
        bits=bits,
        batch_size=batch_size,
        workers=workers,
        accelerator=accelerator,
        skip_unreadable=skip_unreadable,
        progress=progress,
    )
