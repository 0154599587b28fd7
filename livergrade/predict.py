"""Grade images and whole slides with a trained network.

python -m livergrade.predict run=outputs/senet/<time> images/*.png
python -m livergrade.predict run=outputs/senet/<time> slide.svs
"""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade.cli.command import command
from livergrade.cli.compose import plain
from livergrade.config.schema import PredictConfig
from livergrade.errors import UserError
from livergrade.runs.paths import command_line
from livergrade.runs.same_options import refuse_other_options

if TYPE_CHECKING:
    import pandas as pd


log = logging.getLogger(__name__)


def checked(composed: DictConfig) -> PredictConfig:
    """The options of a prediction, every value checked."""
    config = plain(composed, PredictConfig)
    if not config.run:
        raise UserError("run: which network grades? Give a run's folder, as in run=outputs/senet/<time>")
    if not config.inputs:
        raise UserError("inputs: what is graded? Name images, slides, folders, or a CSV")
    return config


@command(
    "predict",
    "run=outputs/senet/<time> images/*.png slide.svs",
    "Grade images and whole slides with a trained network.",
    PredictConfig(),
    checked,
    words="inputs",
)
def main(config: PredictConfig) -> None:
    """Grade the images, then slide by slide; one that can't be read stops no other."""
    from livergrade.inference.inputs import find_inputs
    from livergrade.io.slide_reader import require

    found = find_inputs(config.inputs)
    if any(one.slide for one in found):
        require()

    import pandas as pd

    from livergrade.inference.answers import answered, by_patient, set_limits
    from livergrade.inference.grader import Grader
    from livergrade.inference.images import grade_images
    from livergrade.inference.slides import grade_slide
    from livergrade.io.files import write_json
    from livergrade.io.tables import write_table
    from livergrade.models.hooks import has_maps
    from livergrade.runs.run import Run

    assert config.run
    out = Path(HydraConfig.get().runtime.output_dir)
    grader = Grader(Run(Path(config.run)), config.views, config.accelerator, calibrated=config.calibrated)
    if config.why and not has_maps(grader.net):
        raise UserError(f"why=true: {grader.model} has no layer for class-activation maps; leave it out")
    _keep_options(config, out)
    if config.calibrated and not grader.temperature:
        log.warning("probabilities are not calibrated: %s", grader.calibration["reason"])
    limits, lacking = set_limits(
        grader.calibration, config.coverage, calibrated=config.calibrated, views=len(grader.degrees)
    )
    if lacking:
        log.warning("sets of grades: %s", lacking)
    if math.isinf(grader.limit):
        log.warning("nobody is told if an image is unlike the training images: the run set no limit")

    def answers(table: pd.DataFrame, level: str) -> pd.DataFrame:
        return answered(table, grader.classes, limits.get(level), config.abstain)

    failed: dict[str, str] = {}
    images = grade_images(
        [one for one in found if not one.slide],
        grader,
        config,
        out,
        failed,
        answers=lambda table: answers(table, "image"),
    )
    slides = [grade_slide(one, grader, config, out, failed) for one in found if one.slide]
    told = pd.DataFrame([row for row in slides if row])
    if len(told):
        told = answers(told, "slide")
        write_table(told, out / "slides.csv")
    patients = by_patient(images, told, grader.classes)
    if len(patients):
        of_images = patients["of"] == "images"
        parts = [answers(patients[of_images], "patient"), answers(patients[~of_images], "slide")]
        patients = pd.concat(parts).sort_index()
        write_table(patients, out / "patients.csv")
    write_json(
        {
            "run": config.run,
            "model": grader.model,
            "command": command_line(),
            "views": len(grader.degrees),
            "classes": grader.classes,
            "temperature": grader.temperature,
            "coverage": config.coverage,
            "no_sets": lacking or None,
            "abstain": config.abstain,
            "images": images.to_dict("records"),
            "slides": told.to_dict("records"),
            "patients": patients.to_dict("records"),
            "failed": failed,
        },
        out / "predictions.json",
    )
    for title, table in (("images", images), ("slides", told), ("patients", patients)):
        if len(table):
            counts = table["answer"].value_counts()
            counts = counts.reindex([*grader.classes, *counts.index.difference(grader.classes)], fill_value=0)
            log.info("%d %s: %s", len(table), title, ", ".join(f"{n} {grade}" for grade, n in counts.items()))
    log.info("%s", out)
    if failed:
        lines = [f"  {path} {reason}" for path, reason in failed.items()]
        raise UserError(f"{len(failed)} of {len(found)} files could not be graded:\n" + "\n".join(lines))


def _keep_options(config: PredictConfig, out: Path) -> None:
    """What an earlier start left in the folder is kept, so it must have been made in the same way."""
    from livergrade.io.files import write_json

    stored = out / "options.json"
    keys = (
        *("run", "views", "slide_mpp", "tile_um", "stride", "min_tissue"),
        *("calibrated", "coverage", "abstain"),
    )
    now = {key: getattr(config, key) for key in keys} | {"run": str(Path(config.run or "").absolute())}
    if stored.is_file():
        refuse_other_options(out, json.loads(stored.read_text("utf-8")), now, fix="choose another out")
    write_json(now, stored)


if __name__ == "__main__":
    main()
