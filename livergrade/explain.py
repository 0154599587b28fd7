"""Explain the grades of a trained network with maps, and test whether the maps are faithful.

python -m livergrade.explain run=outputs/senet/<time>
python -m livergrade.explain run=outputs/senet/<time> images/*.png
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import ExplainConfig
from livergrade.errors import UserError
from livergrade.io.counted import counted
from livergrade.runs.paths import command_line

if TYPE_CHECKING:
    from livergrade.explanations.explained import Chosen, Explained
    from livergrade.inference.grader import Grader
    from livergrade.runs.run import Run


log = logging.getLogger(__name__)


@command("explain")
def main(config: ExplainConfig) -> None:
    """Explain image by image; an unreadable image does not stop the others."""
    from livergrade.evaluation.faithfulness import faithfulness_estimates
    from livergrade.explanations.explained import measured
    from livergrade.explanations.report import MADE, write_explanation
    from livergrade.explanations.seen_images import seen_images
    from livergrade.inference.grader import Grader
    from livergrade.io.earlier_start import remove_made
    from livergrade.io.files import write_json
    from livergrade.multirun.ensemble import open_run
    from livergrade.runs.run import display_name

    assert config.run
    run, out = open_run(config.run, config.network), Path(HydraConfig.get().runtime.output_dir)
    grader = Grader(run, config.views, config.accelerator)
    chosen = _chosen(run, config)
    grader.require_maps()
    remove_made(out, MADE)
    explained, failed = _explain_all(grader, chosen, config)
    reasons = "\n".join(f"  {path} {reason}" for path, reason in failed.items())
    if not explained:
        raise UserError(f"no image could be explained:\n{reasons}")
    table = faithfulness_estimates(
        measured(explained), [explanation.image.patient for explanation in explained], seed=config.seed
    )
    facts = {"run": str(run.folder), "model": grader.model, "command": command_line()}
    write_json(facts | {"failed": failed, "sanity": table}, out / "sanity.json")
    seen = seen_images(run, [explanation.image for explanation in explained])
    name = display_name(run.folder)
    log.info("%s", write_explanation(out, explained, grader.classes, grader.model, name, table, seen))
    if failed:
        total = counted(len(chosen), "image")
        raise UserError(f"{len(failed)} of {total} could not be explained:\n{reasons}")


def _explain_all(
    grader: Grader, chosen: list[Chosen], config: ExplainConfig
) -> tuple[list[Explained], dict[str, str]]:
    """The explanation of every readable image, and by path why the others could not be read."""
    import torch

    from livergrade.evaluation.ood import appearance
    from livergrade.explanations.explained import explain
    from livergrade.explanations.maps import with_random_weights
    from livergrade.io.bars import bar as progress_bar
    from livergrade.io.images import ImageError

    randomized_net = with_random_weights(grader.net, config.seed)
    channels, reading = grader.normalisation, config.data.reading(grader.reading)
    explained: list[Explained] = []
    failed: dict[str, str] = {}
    for image in progress_bar(chosen, "explaining", unit="image"):
        try:
            square = grader.read(image.path, image.mpp, reading)[None]
        except ImageError as error:
            failed[str(image.path)] = str(error)
            continue
        unlike = grader.ood_score(float(grader.distances(appearance(square))[0]))["unlike"]
        crop = torch.tensor(square, device=grader.device)  # a copy: Pillow's pixels are read-only
        views = [grader.view(crop, angle) for angle in grader.degrees]
        explained.append(
            explain(
                image,
                views,
                grader.degrees,
                grader.net,
                randomized_net,
                channels,
                config,
                classes=grader.classes,
                unlike=unlike,
                seed=config.seed + len(explained),
            )
        )
    return explained, failed


def _chosen(run: Run, config: ExplainConfig) -> list[Chosen]:
    """The images that were named, else test images of the run."""
    from livergrade.data.colour import log_colours
    from livergrade.data.kinds import read_cohort
    from livergrade.explanations.explained import Chosen, choose
    from livergrade.inference.input_tables import named_by
    from livergrade.inference.inputs import find_inputs
    from livergrade.inference.scale import log_unknown_scale
    from livergrade.multirun.same_data import refuse_changed_images

    if not config.images:
        cohort = read_cohort(run.config.data, outside=config.data.outside, run=run.members[0].folder)
        if len(run.members) > 1 and run.config.split.name == "kfold":
            log.warning(
                "no images were named: images of the cross-validation are explained, and some networks of "
                "the ensemble were trained on them; name new images to avoid this"
            )
        chosen = choose(run, cohort, config.n, outside=config.data.outside)
        refuse_changed_images(
            run,
            cohort,
            [image.name for image in chosen],
            fix="restore them, or name the images to explain",
        )
        return chosen
    inputs = find_inputs(
        config.images,
        outside=config.data.outside,
        exact=config.data.patient_names == "exact",
        named=named_by(config.data),
    )
    if slides := [str(item.path) for item in inputs if item.slide]:
        raise UserError(f"{', '.join(slides)}: is a whole slide; livergrade.predict maps slides")
    log_unknown_scale(inputs, config.mpp, run.scale)
    log_colours([item.path for item in inputs], run.config.data.icc)
    return [Chosen(item.path, item.path.stem, item.patient, mpp=item.mpp or config.mpp) for item in inputs]


if __name__ == "__main__":
    main()
