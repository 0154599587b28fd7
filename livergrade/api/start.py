"""Start from Python what commands start: train, evaluate, compare."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from livergrade.api.checked import checked
from livergrade.api.loaded_run import LoadedRun, load_run
from livergrade.api.output import absolute, output_folder
from livergrade.cli.compose import make_paths_absolute
from livergrade.cli.make_config import make_config
from livergrade.cli.typed_names import quoted
from livergrade.config.schema import CompareConfig, EvaluateConfig, TrainConfig
from livergrade.errors import UserError
from livergrade.multirun.comparison import write_comparison_results
from livergrade.multirun.report import Comparison
from livergrade.runs.folder import read_options
from livergrade.runs.paths import comparison_dir, evaluation_dir, run_dir
from livergrade.runs.run import Run

log = logging.getLogger(__name__)


def fit(config: TrainConfig, out: str | Path | None = None) -> LoadedRun:
    """Train and test one model; the folder is the same as that of ``livergrade train`` with these options.

    Args:
        config: the options, of :func:`make_config`. With ``train.resume`` a run goes on where it was saved.
        out: folder of the run, which must hold none; None: a new one, or that of the run that goes on.

    Returns:
        The finished run.

    Raises:
        UserError: options, cohort, weights or machine can't be used, or another run is there.
        KeyboardInterrupt: the training was interrupted; ``train.resume`` continues it.
    """
    config = checked(config, TrainConfig)
    make_paths_absolute(config)
    resume = config.train.resume
    name, backbone = config.model.name, config.model.backbone
    folder = absolute(run_dir(resume, name, backbone) if out is None else out, "out")
    if resume and folder != absolute(resume, "train.resume"):
        raise UserError(f"out={folder}: a resumed run continues in its own folder {resume}; leave out= away")
    if resume and _is_finished(folder, config):
        log.info("already finished, not changed: %s", folder)
        return load_run(folder)
    from livergrade.training.train_run import train_run  # loads torch

    with output_folder(
        folder,
        "livergrade.fit",
        new=not resume,
        cache=config.data.cache_dir,
        progress=config.trainer.progress,
    ):
        train_run(config, folder)
    return LoadedRun(folder)


def evaluate_run(
    run: str | Path | Run, *words: str, config: EvaluateConfig | None = None, out: str | Path | None = None
) -> LoadedRun:
    """Grade a run's own test images again, or another cohort, as ``livergrade evaluate`` does.

    Args:
        run: the run or its folder, or a sweep.
        *words: options of the command, as ``data=manifest`` and ``data.manifest=other_hospital.csv``.
        config: all options, of ``make_config(…, command="evaluate")``, in place of words.
        out: folder to write; None: a new one in ``evaluations/`` of the run.

    Returns:
        The evaluation, which has metrics, predictions and figures as a run has them.

    Raises:
        UserError: the run, an option, the cohort or the machine can't be used.
    """
    source = run.folder if isinstance(run, Run) else absolute(run, "run")
    if config is None:
        config = make_config(f"run={quoted(str(source))}", *words, command="evaluate")
    elif words:
        raise UserError(f"{words[0]}: options are given as words or as config, not both")
    options = checked(config, EvaluateConfig)
    options.run = str(source)
    folder = absolute(evaluation_dir(options.run) if out is None else out, "out")
    from livergrade.training.evaluate_trained import evaluate_trained  # loads torch

    cache = options.data.cache_dir if options.data else None
    with output_folder(
        folder,
        "livergrade.evaluate_run",
        inputs=[source],
        new=True,
        cache=cache,
        progress=options.trainer.progress,
    ):
        evaluate_trained(options, folder)
    return LoadedRun(folder)


def compare_runs(
    runs: str | Path | Run | Sequence[str | Path | Run], *words: str, out: str | Path | None = None
) -> Comparison:
    """Compare finished runs, and write tables, figures and a page as ``livergrade compare`` does.

    Args:
        runs: runs, their folders, or folders of sweeps.
        *words: options of the command, as ``permutations=1000``.
        out: folder to write; None: ``comparison/`` of a single folder that is given, else a new one.

    Returns:
        The content of ``comparison.json``: for each kind of split ``arms`` with models and pairs, and
        ``conclusions`` in sentences.

    Raises:
        UserError: no run is finished, an option can't be used, or the runs can't be compared.
    """
    one_run = isinstance(runs, str | bytes | Path | Run | Mapping) or not isinstance(runs, Iterable)
    given: list[Any] = [runs] if one_run else [*runs]  # type: ignore[misc]
    named = [str(one.folder if isinstance(one, Run) else absolute(one, "runs")) for one in given]
    config: CompareConfig = make_config(*words, command="compare")
    config.runs = named
    folder = absolute(comparison_dir(named) if out is None else out, "out")
    with output_folder(folder, "livergrade.compare_runs", inputs=map(Path, named)):
        return write_comparison_results(config, folder, "livergrade.compare_runs")


def _is_finished(folder: Path, config: TrainConfig) -> bool:
    """Whether a run to resume is finished, and no more epochs are asked for."""
    stored = read_options(folder)
    return Run(folder).finished and config.trainer.max_epochs <= stored.trainer.max_epochs
