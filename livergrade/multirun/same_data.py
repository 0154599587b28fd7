"""Compare a finished run with the images, labels, split and weights that it would be made from now."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort
from livergrade.data.kinds import read_cohort
from livergrade.data.scale import training_scale
from livergrade.data.split import open_split
from livergrade.errors import UserError
from livergrade.evaluation.changed_images import changed_images, counted
from livergrade.evaluation.predictions import carried_columns
from livergrade.evaluation.scale import in_words
from livergrade.io.kept import file_sha256
from livergrade.io.visible import shown
from livergrade.models.packaged import weights_path
from livergrade.runs.run import Run

log = logging.getLogger(__name__)

_FACTS = ["patient", "grade", "sha256"]


def refuse_other_data(folder: Path, config: TrainConfig, *, fix: str) -> None:
    """Compare what a finished run was trained and tested on with what the same options would give now.

    The cohort is read and its split drawn as for a new run; images count by their SHA-256.

    Args:
        folder: folder of the finished run, of which the options are those of ``config``.
        config: the current options, with absolute paths.
        fix: remedy named in the message.

    Raises:
        UserError: an image, a label, a further column of the manifest, the split or the file of the initial
            weights is another now; names both. Or the cohort can't be read any more.
    """
    run = Run(folder)
    cohort = read_cohort(config.data, outside=config.data.outside, run=folder)
    lines = _images_differ(run, cohort) or _split_differs(run, cohort, config)
    lines += [
        *_columns_differ(run, cohort),
        *_scale_differs(run, cohort, config),
        *_weights_differ(run, config),
    ]
    if lines:
        listed = "\n".join(f"  {line}" for line in lines)
        raise UserError(f"{folder}: is finished, and was made from other data; {fix}:\n{listed}")


def refuse_changed_images(run: Run, cohort: Cohort, images: Sequence[str], *, fix: str) -> None:
    """Compare test images of a run, as they are now, with those that it tested.

    Args:
        run: the run.
        cohort: the run's cohort, as it is read now.
        images: their names.
        fix: remedy named in the message.

    Raises:
        UserError: one of them has other bytes, another patient or another grade now, or is not in the cohort.
    """
    tables = (table.set_index("image")[_FACTS] for table in (run.split, cohort.table))
    before, now = (table[table.index.isin(images)] for table in tables)
    if messages := changed_images(before, now, same_images=True):
        raise UserError(
            f"{run.folder}: tested other images than these are now; {fix}:\n  {counted(messages)}"
        )


def _images_differ(run: Run, cohort: Cohort) -> list[str]:
    before, now = (table.set_index("image")[_FACTS] for table in (run.split, cohort.table))
    messages = changed_images(before, now, same_images=True)
    return [counted(messages)] if messages else []


def _split_differs(run: Run, cohort: Cohort, config: TrainConfig) -> list[str]:
    split = open_split(cohort, config.split, config.data.split_file)
    columns = [name for name in ("split", "fold") if name in split and name in run.split]
    before, now = (table.astype(str).set_index("image")[columns] for table in (run.split, split))
    messages = changed_images(before, now)
    return [counted(messages)] if messages else []


def _columns_differ(run: Run, cohort: Cohort) -> list[str]:
    """Differences in the manifest's further columns, which the predictions carry for subgroups."""
    tested = run.predictions.drop_duplicates("image").set_index("image")[carried_columns(run.predictions)]
    own = ("image", "patient", "grade", "sha256")
    now = cohort.table.set_index("image")[[name for name in cohort.table.columns if name not in own]]
    if set(tested.columns) != set(now.columns):
        there, here = (shown(", ".join(table.columns) or "none") for table in (tested, now))
        return [f"further columns of the manifest: {there} there, {here} here"]
    messages = changed_images(tested, now[tested.columns])
    return [counted(messages)] if messages else []


def _scale_differs(run: Run, cohort: Cohort, config: TrainConfig) -> list[str]:
    """Whether the sizes of pixels of training images were corrected, of which nothing else of a run tells."""
    if run.scale is None or run.split["image"].tolist() != cohort.table["image"].tolist():
        return []  # other images are reported already, and a column or option that came since, too
    before, now = run.scale, training_scale(config, cohort, run.split)
    return [] if before == now else [f"scale: {in_words(before)} there, {in_words(now)} here"]


def _weights_differ(run: Run, config: TrainConfig) -> list[str]:
    weights = config.model.weights
    if not weights or weights == "imagenet":
        return []
    before = run.environment.get("weights_sha256")
    if before is None:
        log.warning("%s: does not record what %s held when it was trained", run.folder, shown(weights))
        return []
    try:
        now = file_sha256(weights_path(weights))
    except (OSError, UserError) as error:
        return [f"model.weights: {shown(weights)} can't be read: {error}"]
    hashes = f"SHA-256 {shown(before, 16)} there, {shown(now, 16)} here"
    return [] if before == now else [f"model.weights: {shown(weights)}: {hashes}"]
