"""Show why a trained network grades images as it does, and whether what is shown means anything.

python -m livergrade.explain run=outputs/senet/<time>
python -m livergrade.explain run=outputs/senet/<time> images/*.png
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade.cli.command import command, command_line, plain
from livergrade.config.schema import ExplainConfig
from livergrade.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from livergrade.explanations.report import Chosen, Explained
    from livergrade.inference.grader import Grader

log = logging.getLogger(__name__)


def checked(composed: DictConfig) -> ExplainConfig:
    """The options of an explanation, every value checked."""
    config = plain(composed, ExplainConfig)
    if not config.run:
        raise UserError(
            "run: which network is explained? Give a run's folder, as in run=outputs/senet/<time>"
        )
    return config


@command(
    "explain",
    "run=outputs/senet/<time>",
    "Show why a trained network grades images as it does, and whether what is shown means anything.",
    ExplainConfig(),
    checked,
    words="images",
)
def main(config: ExplainConfig) -> None:
    """Explain image by image; one that can't be read stops no other."""
    import torch
    from tqdm import tqdm

    from livergrade.evaluation.faithfulness import sanity
    from livergrade.explanations.maps import randomised
    from livergrade.explanations.report import measured, write_explanation
    from livergrade.inference.grader import Grader
    from livergrade.io.files import write_json
    from livergrade.io.images import ImageError, read_square

    assert config.run
    run, out = Path(config.run).absolute(), Path(HydraConfig.get().runtime.output_dir)
    grader = Grader(run, config.views, config.accelerator)
    chosen = _named(config.images) if config.images else choose(run, config.n)
    fresh = randomised(grader.task.net, config.seed)
    failed: dict[str, str] = {}
    explained: list[Explained] = []
    for one in tqdm(chosen, "explaining", unit="image"):
        try:
            square = torch.tensor(read_square(one.path, grader.size))[None]
        except ImageError as error:
            failed[str(one.path)] = str(error)
            continue
        explained.append(explain(one, square, grader, fresh, config, seed=config.seed + len(explained)))
    reasons = "\n".join(f"  {path} {reason}" for path, reason in failed.items())
    if not explained:
        raise UserError(f"nothing could be explained:\n{reasons}")
    table = sanity(measured(explained), [one.image.patient for one in explained], seed=config.seed)
    write_json(
        {
            "run": str(run),
            "model": grader.model,
            "command": command_line(),
            "failed": failed,
            "sanity": table,
        },
        out / "sanity.json",
    )
    log.info("%s", write_explanation(out, explained, grader.classes, grader.model, str(run), table))
    if failed:
        raise UserError(f"{len(failed)} of {len(chosen)} images could not be explained:\n{reasons}")


def _named(given: list[str]) -> list[Chosen]:
    from livergrade.explanations.report import Chosen
    from livergrade.inference.inputs import find_inputs

    found = find_inputs(given)
    if slides := [str(one.path) for one in found if one.slide]:
        raise UserError(f"{', '.join(slides)}: is a whole slide; livergrade.predict maps slides")
    return [Chosen(one.path, one.path.stem, one.patient) for one in found]


def choose(run: Path, n: int) -> list[Chosen]:
    """Of the run's test, for each grade: the images graded best, worst, and with the least certainty.

    An image that is more than one of these comes once.

    Raises:
        UserError: the run has no predictions, or its cohort can't be read.
    """
    import numpy as np

    from livergrade.data.cohort import read_cohort
    from livergrade.evaluation.levels import gather
    from livergrade.explanations.report import Chosen
    from livergrade.runs.run import Run, read_options

    options = read_options(run)
    tested = Run(run, options, {}).tested
    classes = options.data.classes
    level = gather(tested)["image"]
    patients: pd.Series[str] = tested.drop_duplicates("image").set_index("image")["patient"]
    root = read_cohort(options.data).root
    scores = level.scores.clip(1e-12)
    doubt = -(scores * np.log(scores)).sum(1)
    found: dict[str, Chosen] = {}
    for number, grade in enumerate(classes):
        own = np.flatnonzero(level.truth == number)
        sure = level.scores[own, number]
        for why, order in (("best", -sure), ("worst", sure), ("least sure", -doubt[own])):
            for index in own[np.argsort(order, kind="stable")][:n]:
                name = level.names[index]
                found.setdefault(name, Chosen(root / name, name, patients[name], grade, f"{why} of {grade}"))
    return list(found.values())


def explain(
    one: Chosen, square: Tensor, grader: Grader, fresh: nn.Module, config: ExplainConfig, seed: int
) -> Explained:
    """Everything that is told of one image.

    Args:
        one: the image.
        square: ``uint8 [1, S, S, 3]`` as the grader takes it.
        grader: the trained network.
        fresh: the same network with random weights.
        config: the options.
        seed: of the random map.
    """
    import torch

    from livergrade.data.augment import as_seen
    from livergrade.explanations.maps import class_activation, judged, turned
    from livergrade.explanations.report import Explained
    from livergrade.models.hooks import attention

    there, net = square.to(grader.device), grader.task.net
    view = grader.view(there, 0.0)
    found = judged(net, fresh, view, places=config.places, steps=config.steps, seed=seed)
    called = int(found.called)
    back = []
    for degrees in grader.degrees:
        turned_map = class_activation(net, grader.view(there, degrees))[1]["hires_cam"]
        back.append(turned(turned_map, -degrees)[0, called])
    stack = torch.stack(back)
    return Explained(
        image=one,
        called=called,
        probabilities=found.logits.softmax(1)[0].cpu().numpy(),
        view=as_seen(view[0], grader.normalisation),
        maps={name: each[0].cpu().numpy() for name, each in found.maps.items()},
        likeness={name: float(each) for name, each in found.likeness.items()},
        curves={name: each[0].cpu().numpy() for name, each in found.curves.items()},
        turned_mean=stack.nanmean(0).cpu().numpy(),
        turned_spread=(stack - stack.nanmean(0)).square().nanmean(0).sqrt().cpu().numpy(),
        turning_error=float(((stack - stack[0]).abs().nanmean(0).mean() / stack[0].abs().mean()).cpu()),
        attention=[
            (each.layer, each.kind, each.gates[0].float().cpu().numpy()) for each in attention(net, view)[1]
        ],
    )


if __name__ == "__main__":
    main()
