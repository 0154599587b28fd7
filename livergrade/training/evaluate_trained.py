"""Evaluate a trained run again, or on another cohort: the same files as after training."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd

from livergrade.config.schema import EvaluateConfig, TrainConfig
from livergrade.config.validation import raise_if_invalid, stored_problems
from livergrade.data.cohort import Cohort
from livergrade.data.colour import log_colours
from livergrade.data.kinds import read_cohort
from livergrade.data.patient_alias import patient_names, refuse_changed_alias
from livergrade.data.scale import refuse_other_scale
from livergrade.data.split import external_split, read_split
from livergrade.errors import UserError
from livergrade.evaluation.splits import write_split
from livergrade.io.earlier_start import set_aside
from livergrade.multirun.ensemble import open_run
from livergrade.reports.format import table
from livergrade.runs.finished import mark_finished
from livergrade.runs.folder import save_config
from livergrade.runs.run import Run
from livergrade.training.grade_parts import grade, grade_out_of_fold
from livergrade.training.outputs import evaluation_facts, write_outputs
from livergrade.training.resume import LEFT
from livergrade.training.setup import describe_split, make_task
from livergrade.training.trainer import check_trainer, make_trainer, prepare_libraries

log = logging.getLogger(__name__)


def evaluate_trained(config: EvaluateConfig, out: Path) -> None:
    """Run one evaluation.

    Args:
        config: the checked options.
        out: the folder that is written.

    Raises:
        UserError: the run, the cohort or the machine can't be used.
    """
    assert config.run
    trained = open_run(config.run, config.network)
    options = _options(config, trained)
    prepare_libraries(options.seed, bars=options.trainer.progress)

    cohort, split = _opened(config, trained, options)
    task = make_task(options, cohort.classes, describe_split(split, cohort.classes))
    trainer = make_trainer(options.trainer, out, validated=False)
    if trainer.is_global_zero:
        set_aside(out, LEFT)  # of an evaluation that did not end
    folds = _folds(config, trained)
    if folds is None:
        data = grade(trainer, task, options, cohort, split, trained)
    else:
        data = grade_out_of_fold(trainer, task, options, cohort, trained.members)
    if not trainer.is_global_zero:
        return

    _record(out, options, cohort, split)
    facts, recalibrate = evaluation_facts(trainer, trained), config.recalibrate
    metrics = write_outputs(
        out,
        trainer,
        task,
        data,
        options,
        lambda: facts,
        trained=trained,
        folds=folds,
        recalibrate=recalibrate,
    )
    mark_finished(out)
    log.info("%s, trained in %s\n\n%s\n\n%s", trained.model, trained.folder, table(metrics), out)


def _opened(config: EvaluateConfig, trained: Run, options: TrainConfig) -> tuple[Cohort, pd.DataFrame]:
    """Return the cohort that is graded, with the names that the run has for its patients, and its split."""
    folder, before = trained.members[0].folder, trained.recorded.data  # all members are of one cohort
    assert config.data
    if config.data.name:
        alias = patient_names(before, folder).alias
        cohort = read_cohort(options.data, outside=options.data.outside)
        refuse_other_scale(cohort, options.data.mpp, trained.scale)
        log_colours(cohort.paths, cohort.reading.icc)
        file = trained.folder / "split.csv"
        split = external_split(cohort, trained.split, file, same_names=config.same_names, alias=alias)
        if config.recalibrate and split["patient"][split["split"] == "test"].nunique() < 2:
            raise UserError(
                "recalibrate: each patient is calibrated by the cohort's others, and it has one patient; "
                "leave recalibrate out, or give a cohort of two or more"
            )
        return cohort, split
    refuse_changed_alias(before, folder)
    cohort = read_cohort(options.data, outside=options.data.outside, run=folder)
    log_colours(cohort.paths, cohort.reading.icc)
    split = read_split(folder / "split.csv", cohort)
    # Of a cross-validation every patient is tested, by a member that never saw them.
    return cohort, split if _folds(config, trained) is None else split.assign(split="test")


def _folds(config: EvaluateConfig, trained: Run) -> pd.Series | None:
    """Fold of each image by its name, if all folds of a cross-validation grade their cohort; else None."""
    assert config.data
    if config.data.name or len(trained.members) == 1 or trained.recorded.split.name != "kfold":
        return None
    return trained.predictions.drop_duplicates("image").set_index("image")["fold"]


def _record(out: Path, options: TrainConfig, cohort: Cohort, split: pd.DataFrame) -> None:
    """Write options and split."""
    save_config(out, options)
    cohort.keep_names(out)
    write_split(split, out / "split.csv")


def _options(config: EvaluateConfig, trained: Run) -> TrainConfig:
    """Return the trained run's options with the cohort, views and trainer of the evaluation.

    They are a copy: what an ensemble fits depends on its own options, whatever cohort it evaluates.
    """
    trained.require_trained()
    options = copy.deepcopy(trained.config)
    assert config.data
    options.data.outside = config.data.outside  # as it was typed, not as anybody's run has it
    if config.data.name:
        run_data = options.data
        options.data = replace(config.data, image_size=run_data.image_size, classes=run_data.classes)
        options.data.bits, options.data.icc = config.data.bits or run_data.bits, run_data.icc
        options.split.name = "external"
    options.trainer = config.trainer
    if config.conformal.by_grade is not None:
        options.conformal = config.conformal
    options.augment.test_views = config.views or options.augment.test_views
    raise_if_invalid(stored_problems(options))
    check_trainer(options.trainer)  # before the cohort is read
    return options
