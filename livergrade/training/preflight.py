"""Checks of machine, cohort, split and weights before a run starts."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from livergrade.config.schema import TrainConfig
from livergrade.data.cache import cached_size
from livergrade.data.colour import check_colours
from livergrade.data.kinds import open_cohort
from livergrade.data.patient_alias import KEPT, CohortError
from livergrade.data.scale import check_scale
from livergrade.data.split import make_split, read_split
from livergrade.errors import UserError
from livergrade.evaluation.grade_counts import grade_counts, without_patients
from livergrade.evaluation.intervals import FEW
from livergrade.evaluation.leakage import leakage
from livergrade.io.counted import counted
from livergrade.io.disk import size_text
from livergrade.io.tables import write_table
from livergrade.models.backbone import refuse_size
from livergrade.runs.paths import output_root
from livergrade.training.checkpoints_size import checkpoints_size
from livergrade.training.findings import FAIL, PASS, WARN, Finding, warn_if
from livergrade.training.image_checks import check_images
from livergrade.training.trainer import check_trainer

log = logging.getLogger(__name__)

LARGE_FOR_A_CPU = 128
"""Side of a view in pixels, above which training on a CPU is slow."""


def checks(config: TrainConfig, out: Path | None = None) -> Iterator[Finding]:
    """Check everything that a run with these options needs; a failed check does not stop the others.

    Args:
        config: the options.
        out: folder into which tables of patients that may be one person, and of near duplicates, are written;
            None: none are.
    """
    yield from check_environment(config)
    try:
        check_trainer(config.trainer)
    except UserError as error:
        yield Finding(FAIL, "trainer", str(error))
    try:
        cohort = open_cohort(config)
    except UserError as error:
        yield Finding(FAIL, "cohort", str(error), _suggest_alias(error, out))
    else:
        images, patients = len(cohort.table), cohort.table["patient"].nunique()
        yield Finding(PASS, "cohort", f"{counted(images, 'image')} of {counted(patients, 'patient')}")
        split = None
        try:
            file = config.data.split_file
            split = read_split(Path(file), cohort) if file else make_split(cohort, config.split)
        except UserError as error:
            yield Finding(FAIL, "split", str(error))
        if split is not None:
            yield from check_split(split, cohort.classes)
        yield warn_if(*check_scale(cohort, config.data.mpp))
        yield warn_if(*check_colours(cohort.paths, config.data.icc))
        yield from check_images(cohort, config, split, out)
    yield from check_weights(config)


def _suggest_alias(error: UserError, out: Path | None) -> str:
    """Write the table that takes all spellings of a patient's name for one person, if there are any."""
    if out is None or not isinstance(error, CohortError) or error.suggested.empty:
        return ""
    path = out / KEPT
    try:
        write_table(error.suggested, path)
    except UserError:  # a name is a formula to a spreadsheet, which is among the problems
        return ""
    return (
        f"{path} takes all spellings of a name for one person: check each row, remove those of other people, "
        f"and give data.patient_alias={path}"
    )


def raise_on_failures(findings: Iterable[Finding]) -> None:
    """Log the warnings, and stop the run if a check failed.

    Raises:
        UserError: lists every failed check, one per line.
    """
    messages = [
        (finding.level, f"{finding.what}: {finding.message}{'; ' * bool(finding.fix)}{finding.fix}")
        for finding in findings
    ]
    for level, line in messages:
        if level == WARN:
            log.warning("%s", line)
    if failed := [f"  {line}" for level, line in messages if level == FAIL]:
        raise UserError("this run can't start:\n" + "\n".join(failed))


def check_environment(config: TrainConfig) -> Iterator[Finding]:
    """Check versions, device, disk and shared memory."""
    import torch

    from livergrade.runs.environment import versions

    found = versions()
    yield Finding(
        PASS, "versions", ", ".join(f"{name} {found[name]}" for name in ("python", "torch", "lightning"))
    )
    accelerator = config.trainer.accelerator
    if accelerator != "cpu" and torch.cuda.is_available():
        # Of each process its own GPU: to ask for another one's memory takes some of that.
        own = int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0)
        free, total = torch.cuda.mem_get_info(own)
        name = torch.cuda.get_device_name(own)
        yield Finding(PASS, "device", f"{name}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free")
    elif accelerator in ("gpu", "cuda"):
        yield Finding(
            FAIL, "device", "PyTorch finds no GPU", "set trainer.accelerator=cpu, or repair the driver"
        )
    else:
        slow = accelerator != "cpu" and config.data.image_size > LARGE_FOR_A_CPU
        fix = "training on images of 224 px takes hours on a CPU; with data.image_size=64 it takes minutes"
        yield warn_if(slow, "device", "no GPU: the CPU is used", fix)
    if importlib.util.find_spec("tensorboard") is None:
        yield Finding(FAIL, "tensorboard", "is not installed", "pip install tensorboard")
    yield _check_network(config)
    shared = Path("/dev/shm")  # noqa: S108 - data loader processes pass their batches through it
    if config.data.workers and shared.is_dir():
        free = shutil.disk_usage(shared).free
        batch = (
            4 * 3 * config.data.batch_size * cached_size(config.data.image_size, config.augment.border) ** 2
        )
        need = 3 * config.data.workers * batch
        fix = f"{size_text(need)} may be needed; lower data.workers (0 if images are cached)"
        yield warn_if(free < need, "shared memory", f"{size_text(free)} free", fix)


def _check_network(config: TrainConfig) -> Finding:
    """Check that the network takes the image size, and that its checkpoints fit on the disk."""
    try:
        if config.model.backbone:
            refuse_size(config.model.backbone, config.data.image_size)
        need = checkpoints_size(config)
    except UserError as error:
        return Finding(FAIL, "network", str(error))
    outputs = next(folder for folder in Path(output_root(), "x").absolute().parents if folder.is_dir())
    free = shutil.disk_usage(outputs).free
    fix = f"this run's checkpoints take up to {size_text(need)}; free disk space, or set LIVERGRADE_OUTPUTS"
    return warn_if(free < need, "disk", f"{size_text(free)} free at {outputs}", fix)


def check_split(split: pd.DataFrame, classes: list[str]) -> Iterator[Finding]:
    """Check for leakage, and for grades with few test patients."""
    leaks = leakage(split)
    fix = "use split=patient: metrics of this split do not generalise to new patients"
    yield warn_if(leaks["leaking"], "leakage", leaks["sentence"], fix)
    yield check_test_patients(split, classes)


def check_test_patients(split: pd.DataFrame, classes: list[str]) -> Finding:
    """Check that each grade has enough test patients for reliable estimates."""
    test = split[split["split"] == "test"]
    counts = [
        (grade, patients) for grade, (patients, _) in zip(classes, grade_counts(test, classes), strict=False)
    ]
    few = [f"{grade} {count}" for grade, count in counts if count < FEW]
    message = ", ".join(f"{grade} {count}" for grade, count in counts)
    if of_no_patient := [grade for grade, _ in without_patients(test, classes)]:
        message += f" ({', '.join(of_no_patient)}: no test patient's most frequent grade)"
    fix = (
        f"fewer than {FEW} test patients ({', '.join(few)}): estimates are unreliable; split=kfold tests "
        "every patient once"
    )
    return warn_if(few, "test patients", message, fix)


def check_weights(config: TrainConfig) -> Iterator[Finding]:
    """Check the files that a run starts from."""
    from livergrade.io.safe_load import safe_load

    try:
        if config.train.resume:
            last = Path(config.train.resume) / "checkpoints" / "last.ckpt"
            safe_load(last, fix="start a new run")
            yield Finding(PASS, "checkpoint", f"{last} is readable")
        if config.model.weights:
            yield Finding(PASS, "weights", try_weights(config))
    except UserError as error:
        yield Finding(FAIL, "weights", str(error))


def try_weights(config: TrainConfig) -> str:
    """Load the initial weights into a network that is not kept; return a sentence about what was loaded.

    Raises:
        UserError: there are no such weights, or they do not fit the network.
    """
    import torch

    from livergrade.models.build import build
    from livergrade.models.weights import load_weights

    model = config.model
    assert model.weights
    with torch.random.fork_rng(devices=[]):  # the run's own network is drawn as without this check
        net = build(model.name, len(config.data.classes), model.head, **model.architecture())
    return load_weights(net, model.weights, name=model.name)
