"""Grade the patients of a cohort, each by the networks that may answer them."""

from __future__ import annotations

from collections.abc import Sequence

import lightning as L
import numpy as np
import pandas as pd

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort
from livergrade.data.datamodule import GradingData
from livergrade.evaluation.predictions import GradedViews
from livergrade.models.mean_network import MeanNetwork
from livergrade.runs.run import Run
from livergrade.training.setup import make_data
from livergrade.training.task import GradingTask


def grade(
    trainer: L.Trainer,
    task: GradingTask,
    options: TrainConfig,
    cohort: Cohort,
    split: pd.DataFrame,
    trained: Run,
) -> GradingData:
    """Grade a run's test images, or all of another cohort, by its network.

    Args:
        trainer: tests the task.
        task: gets the network.
        options: the options.
        cohort: the cohort that is graded.
        split: its split; of another cohort the run's own images are left out.
        trained: the run.

    Returns:
        The data that was graded.
    """
    if options.split.name == "external":
        split = split[split["split"] == "test"].reset_index(drop=True)
    task.net = trained.network().to(memory_format=task.format)
    data = make_data(options, cohort, split)
    trainer.test(task, data, verbose=False)
    return data


def grade_out_of_fold(
    trainer: L.Trainer,
    task: GradingTask,
    options: TrainConfig,
    cohort: Cohort,
    members: Sequence[Run],
) -> GradingData:
    """Grade every image of a cross-validation's cohort by the members that tested its patient.

    Args:
        trainer: tests the task.
        task: gets the networks of each fold in turn; afterwards its ``graded`` has all views as ``test``.
        options: the options.
        cohort: the cohort of the members.
        members: all folds, of one seed or of several.

    Returns:
        The data of the last fold.
    """
    graded: list[GradedViews] = []
    data: GradingData | None = None
    for fold in sorted({run.config.split.fold for run in members}):
        of_fold = [run for run in members if run.config.split.fold == fold]
        task.net = MeanNetwork([run.network() for run in of_fold]).to(memory_format=task.format)
        tested = set(of_fold[0].tested["image"])
        part = np.where(cohort.table["image"].isin(tested), "test", "train")
        data = make_data(options, cohort, pd.DataFrame({"image": cohort.table["image"], "split": part}))
        trainer.test(task, data, verbose=False)
        graded.append(task.graded["test"])
    assert data is not None
    task.graded = {
        "test": GradedViews(
            *(
                np.concatenate([getattr(views, name) for views in graded])
                for name in ("row", "degrees", "probabilities")
            )
        )
    }
    return data
