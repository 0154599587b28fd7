"""What can be known to be wrong before a run starts."""

from __future__ import annotations

import importlib.util
import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from livergrade.config.schema import TrainConfig
from livergrade.data.cache import cached_size
from livergrade.data.cohort import Cohort
from livergrade.data.duplicates import near_duplicates, picture_hashes
from livergrade.data.kinds import read_cohort
from livergrade.data.quality import UM, measure
from livergrade.data.split import make_split, read_split
from livergrade.errors import UserError
from livergrade.evaluation.intervals import FEW
from livergrade.evaluation.leakage import leakage
from livergrade.io.images import ImageError, open_image, read_rgb
from livergrade.runs.paths import output_root

log = logging.getLogger(__name__)

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
SIDE = 256
"""Shorter side, px, that images are measured at."""
LEAST_TISSUE = 0.05
LEAST_FOCUS = 0.25
"""Of the cohort's median."""
FAR = 6.0
"""Median absolute deviations from the cohort's stain."""
LARGE_FOR_A_CPU = 128
"""Pixels a side of a view."""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        level: ``PASS``, ``WARN`` or ``FAIL``.
        what: was checked.
        message: what was found.
        fix: what to do; empty where nothing is.
    """

    level: str
    what: str
    message: str
    fix: str = ""


def checks(config: TrainConfig) -> Iterator[Finding]:
    """Check everything that a run with these options needs; what fails stops no other check."""
    yield from environment(config)
    try:
        cohort = read_cohort(config.data)
    except UserError as error:
        yield Finding(FAIL, "cohort", str(error))
    else:
        table = cohort.table
        message = f"{len(table)} images of {table['patient'].nunique()} patients"
        yield Finding(PASS, "cohort", message)
        drawn = None
        try:
            given = config.data.split_file
            drawn = read_split(Path(given), cohort) if given else make_split(cohort, config.split)
        except UserError as error:
            yield Finding(FAIL, "split", str(error))
        if drawn is not None:
            yield from split(drawn, cohort.classes)
        yield from images(cohort, config, drawn)
    yield from weights(config)


def raise_on_failures(findings: Iterable[Finding]) -> None:
    """Tell the warnings of a run that starts, and stop it where a check failed.

    Raises:
        UserError: with every check that failed, one a line.
    """
    message = [
        (each.level, f"{each.what}: {each.message}{'; ' * bool(each.fix)}{each.fix}") for each in findings
    ]
    for level, line in message:
        if level == WARN:
            log.warning("%s", line)
    if failed := [f"  {line}" for level, line in message if level == FAIL]:
        raise UserError("this run can't start:\n" + "\n".join(failed))


def environment(config: TrainConfig) -> Iterator[Finding]:
    """Versions, device, disk and shared memory."""
    import torch

    from livergrade.runs.environment import environment as versions

    found = versions()["versions"]
    yield Finding(
        PASS, "versions", ", ".join(f"{name} {found[name]}" for name in ("python", "torch", "lightning"))
    )
    wanted = config.trainer.accelerator
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        yield Finding(PASS, "device", f"{name}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free")
    elif wanted in ("gpu", "cuda"):
        yield Finding(
            FAIL, "device", "PyTorch finds no GPU", "set trainer.accelerator=cpu, or mend the driver"
        )
    else:
        slow = wanted != "cpu" and config.data.image_size > LARGE_FOR_A_CPU
        fix = "training on images of 224 px takes hours there; data.image_size=64 minutes"
        yield _unless(slow, "device", "no GPU: the CPU is used", fix)
    if importlib.util.find_spec("tensorboard") is None:
        yield Finding(FAIL, "tensorboard", "is not installed", "pip install tensorboard")
    outputs = next(each for each in Path(output_root(), "x").absolute().parents if each.is_dir())
    free = shutil.disk_usage(outputs).free
    # Two checkpoints of the largest network with its optimiser's state, and one more while one is replaced.
    need = 3 * 3 * 4 * 140e6
    fix = f"a run may need {need / 1e9:.1f} GB; make room, or set LIVERGRADE_OUTPUTS"
    yield _unless(free < need, "disk", f"{free / 1e9:.1f} GB free at {outputs}", fix)
    shared = Path("/dev/shm")  # noqa: S108 - where loader processes hand over their batches
    if config.data.workers and shared.is_dir():
        free = shutil.disk_usage(shared).free
        batch = (
            4 * 3 * config.data.batch_size * cached_size(config.data.image_size, config.augment.border) ** 2
        )
        need = 3 * config.data.workers * batch
        fix = f"{need / 1e9:.1f} GB may be needed; lower data.workers, 0 is right for a cache"
        yield _unless(free < need, "shared memory", f"{free / 1e9:.1f} GB free", fix)


def split(drawn: pd.DataFrame, classes: list[str]) -> Iterator[Finding]:
    """Leakage, and grades that are tested on few patients."""
    leaks = leakage(drawn)
    fix = "use split=patient: figures of this split do not hold for new patients"
    yield _unless(leaks["leaking"], "leakage", leaks["sentence"], fix)
    yield tested(drawn, classes)


def tested(drawn: pd.DataFrame, classes: list[str]) -> Finding:
    """Whether a split tests enough patients of each grade for its figures to say something."""
    patients = drawn[drawn["split"] == "test"].drop_duplicates(["patient", "grade"])
    counts = patients["grade"].value_counts().reindex(classes, fill_value=0)
    few = [f"{grade} {number}" for grade, number in counts.items() if number < FEW]
    message = ", ".join(f"{grade} {number}" for grade, number in counts.items())
    fix = (
        f"fewer than {FEW} test patients ({', '.join(few)}): estimates are unreliable; split=kfold tests "
        "every patient once"
    )
    return _unless(few, "test patients", message, fix)


def images(cohort: Cohort, config: TrainConfig, drawn: pd.DataFrame | None) -> Iterator[Finding]:
    """Decode every image: sizes, modes, blank and blurred ones, stain, and pictures that come twice."""
    with ThreadPoolExecutor() as pool:
        every = list(
            tqdm(pool.map(_measured, cohort.paths), "checking images", len(cohort.paths), leave=False)
        )
    broken = [f"{path} {one}" for path, one in zip(cohort.paths, every, strict=True) if isinstance(one, str)]
    yield Finding(FAIL if broken else PASS, "images", _some(broken) or f"all {len(every)} decode")
    kept = [number for number, one in enumerate(every) if isinstance(one, _Measured)]
    seen = [one for one in every if isinstance(one, _Measured)]
    if not seen:
        return
    table = cohort.table.iloc[kept].reset_index(drop=True)
    names = table["image"].tolist()

    sizes = Counter(one.size for one in seen)
    message = ", ".join(
        f"{number} of {width} × {height} px" for (width, height), number in sizes.most_common(3)
    )
    message += f", and {len(sizes) - 3} other sizes" if len(sizes) > 3 else ""
    small = [name for name, one in zip(names, seen, strict=True) if min(one.size) < config.data.image_size]
    fix = f"{len(small)} are smaller than data.image_size and enlarged: {_some(small)}"
    yield _unless(small, "sizes", message, fix)
    modes = Counter(one.mode for one in seen if one.mode != "RGB")
    message = ", ".join(f"{number} of mode {mode}" for mode, number in modes.items()) or "all RGB"
    yield _unless(modes, "colour modes", message, "they are converted to RGB")

    blank = [name for name, one in zip(names, seen, strict=True) if one.tissue < LEAST_TISSUE]
    yield _unless(blank, "blank images", _some(blank) or "none", "take them out of the cohort")
    usual = float(np.median([one.focus for one in seen]))
    blurred = [
        name
        for name, one in zip(names, seen, strict=True)
        if one.tissue >= LEAST_TISSUE and one.focus < LEAST_FOCUS * usual
    ]
    fix = f"sharpness below a {LEAST_FOCUS:g} of the median; look at them"
    yield _unless(blurred, "blurred images", _some(blurred) or "none", fix)
    density = np.array([one.density for one in seen])
    away = np.abs(density - np.median(density, 0))
    far = np.flatnonzero((away > FAR * np.maximum(np.median(away, 0), 0.01)).any(1))
    strange = [names[number] for number in far]
    fix = "another stain or scanner? compare figures by subgroup"
    yield _unless(strange, "stain outliers", _some(strange) or "none", fix)

    empty = {*blank, *blurred}  # all of them look alike
    usable = [number for number, name in enumerate(names) if name not in empty]
    sides = None if drawn is None else drawn["split"].to_numpy()[kept]
    yield from _twins(table, [one.hashes for one in seen], usable, sides)


def _twins(
    table: pd.DataFrame,
    hashes: list[NDArray[np.uint64]],
    usable: list[int],
    sides: NDArray[np.object_] | None,
) -> Iterator[Finding]:
    """Pictures of one place that come twice, under two patients or one.

    Args:
        table: one row an image.
        hashes: of their pictures.
        usable: places of the images that show something.
        sides: of the split; None where there is none.
    """
    names, patients = table["image"], table["patient"]
    twins = [pair for pair in near_duplicates(np.array(hashes)) if {*pair} <= {*usable}]
    strangers = [pair for pair in twins if patients[pair[0]] != patients[pair[1]]]
    own = len(twins) - len(strangers)
    message = _some([f"{names[one]} and {names[other]}" for one, other in strangers])
    if strangers and sides is not None:
        apart = sum(sides[one] != sides[other] for one, other in strangers)
        message += f" ({apart} of {len(strangers)} on two sides of the split)"
    fix = "the same place under two patients leaks; look at them, and take one of each out"
    yield _unless(strangers, "near duplicates across patients", message or "none", fix)
    if own:
        yield Finding(PASS, "near duplicates within patients", f"{own}, which stay on one side")


def weights(config: TrainConfig) -> Iterator[Finding]:
    """The files that a run starts from."""
    from livergrade.io.safe_load import safe_load
    from livergrade.models.build import build
    from livergrade.models.weights import load_weights

    try:
        if config.train.resume:
            last = Path(config.train.resume) / "checkpoints" / "last.ckpt"
            safe_load(last, fix="start a new run")
            yield Finding(PASS, "checkpoint", f"{last} is whole")
        if config.model.weights:
            model = config.model
            net = build(model.name, len(config.data.classes), model.head, **model.architecture())
            yield Finding(PASS, "weights", load_weights(net, config.model.weights, name=config.model.name))
    except UserError as error:
        yield Finding(FAIL, "weights", str(error))


@dataclass(frozen=True)
class _Measured:
    size: tuple[int, int]
    mode: str
    tissue: float
    focus: float
    density: NDArray[np.float64]
    hashes: NDArray[np.uint64]


def _measured(path: Path) -> _Measured | str:
    """What is known of an image, or why it can't be read."""
    try:
        with open_image(path) as image:
            size, mode = image.size, image.mode
        pixels = read_rgb(path, shorter_side=SIDE)
    except ImageError as error:
        return str(error)
    quality = measure(pixels, UM)
    density = -np.log10(np.maximum(pixels, 1) / 255).mean((0, 1))
    return _Measured(size, mode, quality.tissue, quality.focus, density, picture_hashes(pixels))


def _unless(odd: object, what: str, message: str, fix: str) -> Finding:
    """A warning with its fix where something is odd, else a pass."""
    return Finding(WARN, what, message, fix) if odd else Finding(PASS, what, message)


def _some(lines: list[str], most: int = 5) -> str:
    return "; ".join(lines[:most]) + (f"; and {len(lines) - most} more" if len(lines) > most else "")
