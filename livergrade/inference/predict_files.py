"""Grade image files and slides into an output folder, going on with what an earlier start graded."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from livergrade import __version__
from livergrade.config.schema import PredictConfig
from livergrade.errors import UserError
from livergrade.inference.grader import Grader
from livergrade.inference.images import grade_images, make_answers
from livergrade.inference.input_tables import named_by
from livergrade.inference.inputs import find_inputs, refuse_same_maps
from livergrade.inference.outputs import TABLES, remove_outputs, write_answers
from livergrade.inference.scale import with_tile_side
from livergrade.inference.slides import grade_slides
from livergrade.io.counted import counted
from livergrade.io.files import write_json
from livergrade.io.json_files import read_json
from livergrade.io.kept import Kept, file_sha256
from livergrade.io.slide_reader import require
from livergrade.multirun.ensemble import open_run
from livergrade.runs.run import Run
from livergrade.runs.same_options import refuse_other_options

log = logging.getLogger(__name__)

MADE_FROM = ("config.yaml", "checkpoints/best.ckpt", "calibration.json", "appearance.json", "scale.json")
"""Files of a run that its answers to an image depend on."""
FITTED_ON = ("predictions.csv", "appearance.csv", "split.csv")
"""Files of a member that the calibration and the OOD threshold of its ensemble are fitted on."""


def predict(config: PredictConfig, out: Path) -> None:
    """Grade the images, then slide by slide; an unreadable file does not stop the others.

    Raises:
        UserError: files could not be graded, an option is wrong, or ``out`` is of other options.
    """
    assert config.run
    inputs = find_inputs(
        config.inputs,
        outside=config.data.outside,
        exact=config.data.patient_names == "exact",
        named=named_by(config.data),
    )
    if any(item.slide for item in inputs):
        require()
    run = open_run(config.run, config.network)
    config = with_tile_side(config, run.scale, inputs)
    grader = Grader(run, config.views, config.accelerator, calibrated=config.calibrated)
    if config.why:
        grader.require_maps()
        refuse_same_maps(inputs)
    kept = Kept(out / "kept" / "record.json", _check_options(config, out, run))
    remove_outputs(out, kept)
    answers = make_answers(grader, config, run.recorded.conformal)
    failed: dict[str, str] = {}
    images = grade_images(
        [item for item in inputs if not item.slide], grader, config, out, failed, answers, kept
    )
    slides = grade_slides([item for item in inputs if item.slide], grader, config, out, failed, answers, kept)
    write_answers(out, images, slides, failed, grader=grader, answers=answers, config=config)
    log.info("%s", out)
    if failed:
        lines = [f"  {path} {reason}" for path, reason in failed.items()]
        total = counted(len(inputs), "file")
        raise UserError(f"{len(failed)} of {total} could not be graded:\n" + "\n".join(lines))


def _check_options(config: PredictConfig, out: Path, run: Run) -> dict[str, object]:
    """Check that earlier results in the folder were made with the same options, then save the options.

    The network and what the run knows of its answers count by their bytes: a run may be trained again. Of an
    ensemble those of every member count, and what its members said of patients that they never saw.

    Returns:
        The options that shape what the network says of an image or a tile.

    Raises:
        UserError: they differ; or somebody else's tables would be written over.
    """
    stored, folder = out / "options.json", Path(config.run or "").absolute()
    keys = ("views", "slide_mpp", "mpp", "tile_um", "stride", "min_tissue", "calibrated")
    shaping: dict[str, object] = {key: getattr(config, key) for key in keys}
    shaping["data.bits"] = config.data.bits
    for number, member in enumerate(run.members, 1):
        names = MADE_FROM if member is run else (*MADE_FROM, *FITTED_ON)
        for name in names:
            file = member.folder / name
            key = name if member is run else f"member {number} of {len(run.members)}, {name}"
            shaping[key] = f"SHA-256 {file_sha256(file)[:16]}" if file.is_file() else None
    answering = {"coverage": config.coverage, "abstain": config.abstain}
    answering["conformal.by_grade"] = config.conformal.by_grade
    current = {"run": str(folder), **shaping, **answering}
    if os.path.lexists(stored):
        before = read_json(stored, dict[str, object], fix="choose another out")
        if all(before.get(name) == value for name, value in shaping.items()):
            before["run"] = current["run"]  # the same run, moved or copied
        refuse_other_options(out, before, current, fix="choose another out")
    elif foreign := [name for name in TABLES if os.path.lexists(out / name)]:
        raise UserError(f"{out}: holds {', '.join(foreign)} of another command; choose another out")
    write_json(current, stored)
    return shaping | {"livergrade": __version__}
