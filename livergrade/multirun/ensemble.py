"""The folder of a sweep as one network: all folds of a model, or its seeds on one split, answer together."""

from __future__ import annotations

import contextlib
import copy
import functools
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.evaluation.cross_fit import (
    cross_fitted_appearance,
    ensemble_temperature,
    out_of_fold,
    pooled_scale,
)
from livergrade.evaluation.ood import Appearance
from livergrade.evaluation.scale import Scale
from livergrade.evaluation.summary import RunMetrics, evaluate
from livergrade.evaluation.uncertainty import Calibration, fit_calibration, uncertainty_metrics
from livergrade.io.regular_files import is_folder
from livergrade.io.similar import meant
from livergrade.io.visible import shown
from livergrade.multirun.grouping import arms
from livergrade.multirun.members import refuse_cut_files, refuse_different, refuse_foreign_files
from livergrade.multirun.one_cohort import refuse_mixed_cohorts
from livergrade.multirun.spellings import refuse_spellings
from livergrade.runs.environment import Environment
from livergrade.runs.find import find_runs
from livergrade.runs.run import Run

if TYPE_CHECKING:
    from torch import nn

log = logging.getLogger(__name__)

OUT_OF_FOLD = "out-of-fold predictions"
"""What an ensemble's calibration was fitted on, in ``calibration.json``."""


class Ensemble(Run):
    """The members of a sweep where a run stands: they answer together, by the mean of their probabilities.

    What a run fits on its validation patients is fitted here on every patient, by the predictions of members
    that never trained on them.

    Args:
        folder: folder of the sweep.
        members: its runs: all folds of one cross-validation, all seeds of one split, or both.
    """

    def __init__(self, folder: Path, members: Sequence[Run]) -> None:
        super().__init__(folder)
        self.members = list(members)

    @property
    def folds(self) -> bool:
        """Whether the members tested different patients, as the folds of a cross-validation."""
        return self.config.split.name == "kfold"

    @functools.cached_property
    def config(self) -> TrainConfig:
        """Options of the first member; the others differ in seed and fold."""
        return copy.deepcopy(self.members[0].config)

    @functools.cached_property
    def recorded(self) -> TrainConfig:
        """Options that the first member was trained with."""
        return copy.deepcopy(self.members[0].recorded)

    @functools.cached_property
    def predictions(self) -> pd.DataFrame:
        """Each patient as graded by the members that tested them, one row per view; of folds with ``fold``.

        Of members of one split also its validation patients, as ``val``.
        """
        tables = [run.predictions for run in self.members]
        tested = out_of_fold(tables, ["test"])
        if self.folds:
            fold = {image: run.config.split.fold for run in self.members for image in run.tested["image"]}
            return tested.assign(fold=tested["image"].map(fold))
        if not any((table["split"] == "val").any() for table in tables):
            return tested
        return pd.concat([tested, out_of_fold(tables, ["val"])], ignore_index=True)

    def network(self) -> nn.Module:
        """The networks of all members, which answer as one, in evaluation mode on the CPU.

        Raises:
            UserError: as of a single run; of the first member that has the problem.
        """
        from livergrade.models.mean_network import MeanNetwork

        return MeanNetwork([run.network() for run in self.members]).eval()

    @functools.cached_property
    def split(self) -> pd.DataFrame:
        """``split.csv`` of all members: ``train`` counts before ``val``, and that before ``test``.

        So of a cross-validation every image was trained on.
        """
        parts = pd.concat([run.split.set_index("image")["split"] for run in self.members], axis=1)
        seen = ["train" if "train" in row else "val" if "val" in row else "test" for row in parts.to_numpy()]
        first = self.members[0].split
        return first.assign(split=first["image"].map(dict(zip(parts.index, seen, strict=True))))

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """No training curves: each member has its own."""
        return pd.DataFrame({"epoch": []})

    @functools.cached_property
    def calibration(self) -> Calibration:
        """Temperature and conformal scores, fitted on the out-of-fold predictions of all patients.

        Of folds that is the mean of two members for each seed; the temperature is that of the mean of all.
        """
        tables = [run.predictions for run in self.members]
        unseen = out_of_fold(tables, ["val", "test"])  # all of them as val
        fitted = fit_calibration(unseen)
        fitted["fitted_on"] = OUT_OF_FOLD
        two = fitted["temperature"]
        if not self.folds or not two or not any((table["split"] == "val").any() for table in tables):
            return fitted
        one = fit_calibration(out_of_fold(tables, ["test"]).assign(split="val"))["temperature"]
        folds = len({run.config.split.fold for run in self.members})
        temperature = ensemble_temperature(one or two, two, folds)
        low, high = (bound and bound * temperature / two for bound in (fitted["low"], fitted["high"]))
        return {**fitted, "temperature": temperature, "low": low, "high": high}

    @functools.cached_property
    def appearance(self) -> Appearance | None:
        """The pooled OOD reference, with a threshold that is fitted on every patient."""
        references = [run.appearance for run in self.members]
        known = [reference for reference in references if reference]
        if len(known) < len(references):
            return None
        measured = [run.distances for run in self.members]
        return cross_fitted_appearance(known, measured, self._trained_images)

    @functools.cached_property
    def scale(self) -> Scale | None:
        """Scale of the training images of all members."""
        return pooled_scale([run.scale for run in self.members], self._trained_images)

    @property
    def _trained_images(self) -> int:
        return int((self.split["split"] == "train").sum())

    @functools.cached_property
    def metrics(self) -> RunMetrics:
        """Metrics of the test patients, each graded by the members that tested them."""
        leaks = [run.metrics["leakage"] for run in self.members]
        worst = max(leaks, key=lambda leak: (leak["leaking"] is not False, leak.get("with_sibling") or 0))
        metrics = evaluate(self.predictions, None, seed=self.config.seed)
        metrics = {**metrics, "leakage": worst}
        return {**metrics, **uncertainty_metrics(self.predictions, self.calibration)}

    @functools.cached_property
    def environment(self) -> Environment:
        """Of the first member, with the parameters and the time of all."""
        facts = [run.environment for run in self.members]
        seconds = [one.get("seconds") for one in facts]
        known = [taken for taken in seconds if taken is not None]
        summed: Environment = {
            "members": len(facts),
            "parameters": sum(one.get("parameters", 0) for one in facts),
            "trained_parameters": sum(one.get("trained_parameters", 0) for one in facts),
            "seconds": round(sum(known), 1) if len(known) == len(facts) else None,
        }
        return facts[0] | summed

    def require_trained(self) -> None:
        """Check that each member has a trained network.

        Raises:
            UserError: of the first that has none.
        """
        for run in self.members:
            run.require_trained()

    def require_measured(self) -> None:
        """Check all that a page about the ensemble tells, as of a single run."""
        for run in self.members:
            run.require_measured()


def open_run(folder: str | Path, network: str | None = None) -> Run:
    """The run of a folder, or all runs of a sweep's folder as one.

    Args:
        folder: folder of a run, or of a sweep of one model: all folds, all seeds of one split, or both.
        network: which model of the sweep, by the name that its comparison has; None: there is one.

    Raises:
        UserError: there is no finished run; the folder holds several models; or its runs are no ensemble:
            one is not finished, a fold is missing, or they are of different cohorts, splits, grades or
            scales.
    """
    path = Path(folder)
    if os.path.lexists(path / "config.yaml") or not _holds_runs(path):
        if network:
            raise UserError(
                f"network={network}: {shown(path)} is not the folder of a sweep; leave out network="
            )
        return Run(path)
    try:
        runs, unfinished = find_runs([path])
        refuse_cut_files(runs)
        groups, left_out = arms(runs)
    except UserError as error:
        lines = str(error).removeprefix("nothing to compare:\n").splitlines()
        reason = "\n".join(line if line.startswith("  ") else f"  {line}" for line in lines)
        raise UserError(f"{shown(path)}: contains no runs that could form an ensemble:\n{reason}") from None
    found = {
        f"{name}, split={group.kind}" if len(groups) > 1 else name: (group.kind, name, group.models[name])
        for group in groups
        for name in group.models
    }
    kind, name, repeats = found[_chosen(path, network, list(found), runs)]
    members = [run for folds in repeats.values() for run in folds]
    _refuse_missing(path, members[0].model, [*unfinished, *left_out])
    if len(members) == 1:
        return members[0]
    refuse_foreign_files(path, members)
    refuse_mixed_cohorts({name: repeats}, external=False)
    refuse_spellings(repeats.values())
    refuse_different(path, members, kind)
    log.info(
        "%s: %d runs of %s grade as one ensemble (mean of their probabilities); calibration, prediction "
        "sets and the limit for unlike images are fitted on predictions for patients that a run was not "
        "trained on",
        path,
        len(members),
        name,
    )
    return Ensemble(path, members)


def _holds_runs(path: Path) -> bool:
    """Whether a run's folder is among the folders of a folder."""
    return is_folder(path) and any(os.path.lexists(one / "config.yaml") for one in path.iterdir())


def _refuse_missing(path: Path, model: str, lines: Sequence[str]) -> None:
    """Check that no run of the model is left out.

    Args:
        path: the sweep's folder.
        model: name of the network.
        lines: runs that are left out, each with its reason.

    Raises:
        UserError: lists those of this network.
    """
    missing = []
    for line in lines:
        run = Run(Path(line.partition(": ")[0]))
        with contextlib.suppress(UserError):
            if run.model != model:
                continue
        missing.append(f"  {line}")
    if missing:
        listed = "\n".join(missing)
        raise UserError(
            f"{shown(path)}: not all of its runs can form one ensemble; finish them by its command with "
            f"hydra.sweep.dir={shown(path)}, move them out of the folder, or name one run:\n{listed}"
        )


def _chosen(path: Path, network: str | None, names: Sequence[str], runs: Sequence[Run]) -> str:
    """The model that is meant.

    Raises:
        UserError: there are several and none was named, or there is none of that name.
    """
    if network in names:
        return str(network)
    if network is None and len(names) == 1:
        return names[0]
    typed = [f"'network=\"{name}\"'" if "," in name or " " in name else f"network={name}" for name in names]
    problem = f"holds {len(names)} models" if network is None else f"holds no model {shown(network)}"
    raise UserError(
        f"{shown(path)}: {problem}; {meant(network or '', names)}add one of {' or '.join(typed)}, "
        f"or name the folder of one run, as run={runs[0].folder}"
    )
