"""Checks of machine, cohort, split and weights before a run starts."""

from __future__ import annotations

import importlib.util
import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from livergrade.config.schema import TrainConfig
from livergrade.data.cache import cached_size
from livergrade.data.cohort import Cohort
from livergrade.data.duplicates import near_duplicates, picture_hashes
from livergrade.data.kinds import open_cohort
from livergrade.data.patient_alias import KEPT, CohortError
from livergrade.data.quality import UM, measure
from livergrade.data.split import make_split, read_split
from livergrade.errors import UserError
from livergrade.evaluation.grade_counts import grade_counts, without_patients
from livergrade.evaluation.intervals import FEW
from livergrade.evaluation.leakage import leakage
from livergrade.io.images import ImageError, read_header, read_rgb
from livergrade.io.memory import reading_threads
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.tables import write_table
from livergrade.runs.paths import output_root
from livergrade.training.trainer import check_trainer

log = logging.getLogger(__name__)

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
SIDE = 256
"""Images are resized to this shorter side (px) before they are measured."""
LEAST_TISSUE = 0.05
"""Share of tissue below which an image counts as blank."""
LEAST_FOCUS = 0.25
"""Sharpness relative to the cohort's median, below which an image counts as blurred."""
OUTLIER_MADS = 6.0
"""Distance from the cohort's median stain, in median absolute deviations, beyond which is an outlier."""
LARGE_FOR_A_CPU = 128
"""Side of a view in pixels, above which training on a CPU is slow."""


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        level: ``PASS``, ``WARN`` or ``FAIL``.
        what: the item that was checked.
        message: the result.
        fix: what to do; empty if nothing is needed.
    """

    level: str
    what: str
    message: str
    fix: str = ""


def checks(config: TrainConfig, out: Path | None = None) -> Iterator[Finding]:
    """Check everything that a run with these options needs; a failed check does not stop the others.

    Args:
        config: the options.
        out: folder into which a table of patients that may be one person is written; None: none is.
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
        table = cohort.table
        message = f"{len(table)} images of {table['patient'].nunique()} patients"
        yield Finding(PASS, "cohort", message)
        split = None
        try:
            file = config.data.split_file
            split = read_split(Path(file), cohort) if file else make_split(cohort, config.split)
        except UserError as error:
            yield Finding(FAIL, "split", str(error))
        if split is not None:
            yield from check_split(split, cohort.classes)
        yield from check_images(cohort, config, split)
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

    from livergrade.runs.environment import environment

    versions = environment()["versions"]
    yield Finding(
        PASS, "versions", ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "lightning"))
    )
    accelerator = config.trainer.accelerator
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        yield Finding(PASS, "device", f"{name}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free")
    elif accelerator in ("gpu", "cuda"):
        yield Finding(
            FAIL, "device", "PyTorch finds no GPU", "set trainer.accelerator=cpu, or repair the driver"
        )
    else:
        slow = accelerator != "cpu" and config.data.image_size > LARGE_FOR_A_CPU
        fix = "training on images of 224 px takes hours on a CPU; with data.image_size=64 it takes minutes"
        yield _warn_if(slow, "device", "no GPU: the CPU is used", fix)
    if importlib.util.find_spec("tensorboard") is None:
        yield Finding(FAIL, "tensorboard", "is not installed", "pip install tensorboard")
    outputs = next(folder for folder in Path(output_root(), "x").absolute().parents if folder.is_dir())
    free = shutil.disk_usage(outputs).free
    # Two checkpoints of the largest network with its optimizer state, and one more while one is replaced.
    need = 3 * 3 * 4 * 140e6
    fix = f"a run may need {need / 1e9:.1f} GB; free disk space, or set LIVERGRADE_OUTPUTS"
    yield _warn_if(free < need, "disk", f"{free / 1e9:.1f} GB free at {outputs}", fix)
    shared = Path("/dev/shm")  # noqa: S108 - data loader processes pass their batches through it
    if config.data.workers and shared.is_dir():
        free = shutil.disk_usage(shared).free
        batch = (
            4 * 3 * config.data.batch_size * cached_size(config.data.image_size, config.augment.border) ** 2
        )
        need = 3 * config.data.workers * batch
        fix = f"{need / 1e9:.1f} GB may be needed; lower data.workers (0 if images are cached)"
        yield _warn_if(free < need, "shared memory", f"{free / 1e9:.1f} GB free", fix)


def check_split(split: pd.DataFrame, classes: list[str]) -> Iterator[Finding]:
    """Check for leakage, and for grades with few test patients."""
    leaks = leakage(split)
    fix = "use split=patient: metrics of this split do not generalise to new patients"
    yield _warn_if(leaks["leaking"], "leakage", leaks["sentence"], fix)
    yield check_test_patients(split, classes)


def check_test_patients(split: pd.DataFrame, classes: list[str]) -> Finding:
    """Check that each grade has enough test patients for reliable estimates."""
    test = split[split["split"] == "test"]
    counts = [
        (grade, patients) for grade, (patients, _) in zip(classes, grade_counts(test, classes), strict=False)
    ]
    few = [f"{grade} {count}" for grade, count in counts if count < FEW]
    message = ", ".join(f"{grade} {count}" for grade, count in counts)
    if nobodys := [grade for grade, _ in without_patients(test, classes)]:
        message += f" ({', '.join(nobodys)}: no test patient's most frequent grade)"
    fix = (
        f"fewer than {FEW} test patients ({', '.join(few)}): estimates are unreliable; split=kfold tests "
        "every patient once"
    )
    return _warn_if(few, "test patients", message, fix)


def check_images(cohort: Cohort, config: TrainConfig, split: pd.DataFrame | None) -> Iterator[Finding]:
    """Decode every image; check sizes, colour modes, blank and blurred images, stain and duplicates."""
    with reading_threads() as pool:
        measured = pool.map(_measure_image, cohort.paths, repeat(cohort.reading))
        results = list(tqdm(measured, "checking images", len(cohort.paths), leave=False))
    broken = [
        f"{path} {result}"
        for path, result in zip(cohort.paths, results, strict=True)
        if isinstance(result, str)
    ]
    yield Finding(FAIL if broken else PASS, "images", _join_some(broken) or f"all {len(results)} decode")
    rows = [row for row, result in enumerate(results) if isinstance(result, _ImageStats)]
    stats = [result for result in results if isinstance(result, _ImageStats)]
    if not stats:
        return
    table = cohort.table.iloc[rows].reset_index(drop=True)
    names = table["image"].tolist()

    yield from _check_sizes_and_modes(names, stats, config.data.image_size)
    blank = [name for name, image in zip(names, stats, strict=True) if image.tissue < LEAST_TISSUE]
    yield _warn_if(blank, "blank images", _join_some(blank) or "none", "remove them from the cohort")
    median_focus = float(np.median([image.focus for image in stats]))
    blurred = [
        name
        for name, image in zip(names, stats, strict=True)
        if image.tissue >= LEAST_TISSUE and image.focus < LEAST_FOCUS * median_focus
    ]
    fix = f"sharpness below {LEAST_FOCUS:g} times the median; look at them"
    yield _warn_if(blurred, "blurred images", _join_some(blurred) or "none", fix)
    density = np.array([image.density for image in stats])
    deviation = np.abs(density - np.median(density, 0))
    outliers = np.flatnonzero((deviation > OUTLIER_MADS * np.maximum(np.median(deviation, 0), 0.01)).any(1))
    outlier_names = [names[row] for row in outliers]
    fix = "another stain or scanner? compare metrics by subgroup"
    yield _warn_if(outlier_names, "stain outliers", _join_some(outlier_names) or "none", fix)

    unusable = {*blank, *blurred}  # these all look alike, so they would count as duplicates
    usable = [row for row, name in enumerate(names) if name not in unusable]
    splits = None if split is None else split["split"].to_numpy()[rows]
    yield from _check_near_duplicates(table, [image.hashes for image in stats], usable, splits)


def _check_sizes_and_modes(names: list[str], stats: list[_ImageStats], image_size: int) -> Iterator[Finding]:
    """Images smaller than the views, and images that are not RGB."""
    sizes = Counter(image.size for image in stats)
    message = ", ".join(
        f"{count} of {width} × {height} px" for (width, height), count in sizes.most_common(3)
    )
    message += f", and {len(sizes) - 3} other sizes" if len(sizes) > 3 else ""
    small = [name for name, image in zip(names, stats, strict=True) if min(image.size) < image_size]
    fix = f"{len(small)} are smaller than data.image_size and enlarged: {_join_some(small)}"
    yield _warn_if(small, "sizes", message, fix)
    modes = Counter(image.mode for image in stats if image.mode != "RGB")
    message = ", ".join(f"{count} of mode {mode}" for mode, count in modes.items()) or "all RGB"
    yield _warn_if(modes, "colour modes", message, "they are converted to RGB")


def _check_near_duplicates(
    table: pd.DataFrame,
    hashes: list[NDArray[np.uint64]],
    usable: list[int],
    splits: NDArray[np.object_] | None,
) -> Iterator[Finding]:
    """Find near-duplicate images, across patients and within a patient.

    Args:
        table: one row per image.
        hashes: perceptual hashes of the images.
        usable: rows of the images that are neither blank nor blurred.
        splits: split of each image; None if there is no split.
    """
    names, patients = table["image"], table["patient"]
    pairs = [pair for pair in near_duplicates(np.array(hashes)) if {*pair} <= {*usable}]
    across_patients = [pair for pair in pairs if patients[pair[0]] != patients[pair[1]]]
    within_patients = len(pairs) - len(across_patients)
    message = _join_some([f"{names[first]} and {names[second]}" for first, second in across_patients])
    if across_patients and splits is not None:
        across_splits = sum(splits[first] != splits[second] for first, second in across_patients)
        message += f" ({across_splits} of {len(across_patients)} in different splits)"
    fix = "the same place under two patients leaks; look at them, and remove one of each pair"
    yield _warn_if(across_patients, "near duplicates across patients", message or "none", fix)
    if within_patients:
        yield Finding(
            PASS, "near duplicates within patients", f"{within_patients}, each pair in the same split"
        )


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


@dataclass(frozen=True)
class _ImageStats:
    size: tuple[int, int]
    mode: str
    tissue: float
    focus: float
    density: NDArray[np.float64]
    hashes: NDArray[np.uint64]


def _measure_image(path: Path, reading: PixelReading) -> _ImageStats | str:
    """Return the statistics of an image, or the reason why it can't be read."""
    try:
        of_file = read_header(path)
        pixels = read_rgb(path, shorter_side=SIDE, reading=reading)
    except ImageError as error:
        return str(error)
    quality = measure(pixels, UM)
    density = -np.log10(np.maximum(pixels, 1) / 255).mean((0, 1))
    hashes = picture_hashes(pixels)
    return _ImageStats(of_file.size, of_file.mode, quality.tissue, quality.focus, density, hashes)


def _warn_if(problem: object, what: str, message: str, fix: str) -> Finding:
    """Return a warning with its fix if ``problem`` is truthy, else a pass."""
    return Finding(WARN, what, message, fix) if problem else Finding(PASS, what, message)


def _join_some(lines: list[str], most: int = 5) -> str:
    return "; ".join(lines[:most]) + (f"; and {len(lines) - most} more" if len(lines) > most else "")
