"""Grade images and whole slides with a trained network.

python -m livergrade.predict run=outputs/senet/<time> images/*.png
python -m livergrade.predict run=outputs/senet/<time> slide.svs
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade.cli.command import command
from livergrade.cli.compose import to_dataclass
from livergrade.config.schema import PredictConfig
from livergrade.errors import UserError
from livergrade.runs.same_options import refuse_other_options

log = logging.getLogger(__name__)


def parse_config(composed: DictConfig) -> PredictConfig:
    """The options of a prediction, every value checked."""
    config = to_dataclass(composed, PredictConfig)
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
    parse_config,
    words="inputs",
)
def main(config: PredictConfig) -> None:
    """Grade the images, then slide by slide; one that can't be read stops no other."""
    from livergrade.inference.answers import Answers
    from livergrade.inference.grader import Grader
    from livergrade.inference.images import grade_images
    from livergrade.inference.inputs import find_inputs
    from livergrade.inference.outputs import write_answers
    from livergrade.inference.slides import grade_slides
    from livergrade.io.slide_reader import require
    from livergrade.runs.run import Run

    assert config.run
    found, out = find_inputs(config.inputs), Path(HydraConfig.get().runtime.output_dir)
    if any(one.slide for one in found):
        require()
    grader = Grader(Run(Path(config.run)), config.views, config.accelerator, calibrated=config.calibrated)
    if config.why:
        grader.require_maps()
    _keep_options(config, out)
    answers = Answers(
        grader.calibration,
        grader.classes,
        views=len(grader.degrees),
        calibrated=config.calibrated,
        coverage=config.coverage,
        abstain=config.abstain,
    )
    for line in (*grader.warnings(calibrated=config.calibrated), *answers.warnings()):
        log.warning("%s", line)
    failed: dict[str, str] = {}
    images = grade_images([one for one in found if not one.slide], grader, config, out, failed, answers)
    slides = grade_slides([one for one in found if one.slide], grader, config, out, failed)
    write_answers(out, images, slides, failed, grader=grader, answers=answers, config=config)
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
