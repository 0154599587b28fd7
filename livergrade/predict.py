"""Grade images and whole slides with a trained network.

python -m livergrade.predict run=outputs/senet/<time> images/*.png
python -m livergrade.predict run=outputs/senet/<time> slide.svs
"""

from __future__ import annotations

import logging
import os
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
    """Parse and validate the options of a prediction."""
    config = to_dataclass(composed, PredictConfig)
    if not config.run:
        raise UserError(
            "run: which network should grade? Give a run's folder, as in run=outputs/senet/<time>"
        )
    if not config.inputs:
        raise UserError("inputs: what should be graded? Give images, slides, folders, or a CSV")
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
    """Grade the images, then slide by slide; an unreadable file does not stop the others."""
    from livergrade.inference.answers import Answers
    from livergrade.inference.grader import Grader
    from livergrade.inference.images import grade_images
    from livergrade.inference.inputs import find_inputs
    from livergrade.inference.outputs import write_answers
    from livergrade.inference.slides import grade_slides
    from livergrade.io.slide_reader import require
    from livergrade.runs.run import Run

    assert config.run
    inputs, out = (
        find_inputs(config.inputs, outside=config.data.outside),
        Path(HydraConfig.get().runtime.output_dir),
    )
    if any(item.slide for item in inputs):
        require()
    grader = Grader(Run(Path(config.run)), config.views, config.accelerator, calibrated=config.calibrated)
    if config.why:
        grader.require_maps()
    _check_options(config, out)
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
    images = grade_images([item for item in inputs if not item.slide], grader, config, out, failed, answers)
    slides = grade_slides([item for item in inputs if item.slide], grader, config, out, failed, answers)
    write_answers(out, images, slides, failed, grader=grader, answers=answers, config=config)
    log.info("%s", out)
    if failed:
        lines = [f"  {path} {reason}" for path, reason in failed.items()]
        raise UserError(f"{len(failed)} of {len(inputs)} files could not be graded:\n" + "\n".join(lines))


def _check_options(config: PredictConfig, out: Path) -> None:
    """Check that earlier results in the folder were made with the same options, then save the options."""
    from livergrade.io.files import write_json
    from livergrade.io.json_files import read_json

    stored = out / "options.json"
    keys = (
        *("run", "views", "slide_mpp", "tile_um", "stride", "min_tissue"),
        *("calibrated", "coverage", "abstain"),
    )
    current = {key: getattr(config, key) for key in keys} | {"run": str(Path(config.run or "").absolute())}
    if os.path.lexists(stored):
        before = read_json(stored, dict[str, object], fix="choose another out")
        refuse_other_options(out, before, current, fix="choose another out")
    write_json(current, stored)


if __name__ == "__main__":
    main()
