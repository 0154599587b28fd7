"""Choose the images of a run that are explained, and explain one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from livergrade.config.schema import ExplainConfig
from livergrade.data.augment import as_seen
from livergrade.data.kinds import read_cohort
from livergrade.evaluation.faithfulness import METHODS, Measured, by_test
from livergrade.evaluation.levels import aggregate
from livergrade.explanations.maps import class_activation, score_maps, turn_back
from livergrade.models.architecture import Normalisation
from livergrade.models.hooks import attention
from livergrade.runs.run import Run

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Chosen:
    """An image to be explained.

    Attributes:
        path: the file.
        name: as pages and files call it.
        patient: whose it is, blank if nobody said.
        grade: the true one, blank if nobody said.
        why: why it was chosen.
    """

    path: Path
    name: str
    patient: str = ""
    grade: str = ""
    why: str = "named"


@dataclass(frozen=True)
class Explained:
    """What is told of one image.

    Attributes:
        image: which it is.
        called: number of the predicted grade.
        probabilities: of each grade, upright view alone, ``float32 [K]``.
        view: what the network was shown, ``uint8 [S, S, 3]``.
        maps: for each of :data:`livergrade.evaluation.faithfulness.METHODS` ``float32 [K, h, w]``.
        rank_correlation: Spearman's correlation of each method's map of the predicted grade with that of the
            same network with random weights.
        curves: for each method the predicted grade's probability as the view is deleted and inserted,
            ``float32 [2, steps + 1]``.
        turned_mean: HiResCAM of the predicted grade over the turned views, each turned back,
            ``float32 [h, w]``.
        turned_spread: standard deviation over those.
        turning_error: mean distance of those from the upright map, as a share of that map's mean size.
        attention: name, kind and gates of each block, as :func:`livergrade.models.hooks.attention` has them.
    """

    image: Chosen
    called: int
    probabilities: Floats
    view: NDArray[np.uint8]
    maps: dict[str, Floats]
    rank_correlation: dict[str, float]
    curves: dict[str, Floats]
    turned_mean: Floats
    turned_spread: Floats
    turning_error: float
    attention: list[tuple[str, str, Floats]]


def choose(run: Run, n: int) -> list[Chosen]:
    """Of the run's test, for each grade: the images graded best, worst, and with the least certainty.

    An image that is more than one of these comes once.

    Raises:
        UserError: the run has no predictions, or its cohort can't be read.
    """
    tested, classes = run.tested, run.classes
    level = aggregate(tested)["image"]
    patients: pd.Series[str] = tested.drop_duplicates("image").set_index("image")["patient"]
    root = read_cohort(run.config.data).root
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
    one: Chosen,
    views: Sequence[Tensor],
    degrees: Sequence[float],
    net: nn.Module,
    randomized_net: nn.Module,
    normalisation: Normalisation,
    config: ExplainConfig,
    *,
    seed: int,
) -> Explained:
    """Everything that is told of one image.

    Args:
        one: the image.
        views: what the network is shown of it, each ``float32 [1, 3, S, S]`` and normalised; upright first.
        degrees: the angle of each, anticlockwise.
        net: the trained network, in evaluation mode where the views are.
        randomized_net: the same network with random weights.
        normalisation: mean and standard deviation of the channels.
        config: the options.
        seed: of the random map.
    """
    upright = views[0]
    found = score_maps(net, randomized_net, upright, places=config.places, steps=config.steps, seed=seed)
    called = int(found.called)
    back = [
        turn_back(class_activation(net, view)[1]["hires_cam"], -angle)[0, called]
        for view, angle in zip(views, degrees, strict=True)
    ]
    stack = torch.stack(back)
    return Explained(
        image=one,
        called=called,
        probabilities=found.logits.softmax(1)[0].cpu().numpy(),
        view=as_seen(upright[0], normalisation),
        maps={name: each[0].cpu().numpy() for name, each in found.maps.items()},
        rank_correlation={name: float(each) for name, each in found.rank_correlation.items()},
        curves={name: each[0].cpu().numpy() for name, each in found.curves.items()},
        turned_mean=stack.nanmean(0).cpu().numpy(),
        turned_spread=(stack - stack.nanmean(0)).square().nanmean(0).sqrt().cpu().numpy(),
        turning_error=float(((stack - stack[0]).abs().nanmean(0).mean() / stack[0].abs().mean()).cpu()),
        attention=[
            (each.layer, each.kind, each.gates[0].float().cpu().numpy())
            for each in attention(net, upright)[1]
        ],
    )


def measured(explained: Sequence[Explained]) -> Measured:
    """What :func:`livergrade.evaluation.faithfulness.faithfulness_estimates` takes, of these images."""
    found = by_test(
        {method: np.array([one.curves[method] for one in explained]) for method in METHODS},
        {
            method: np.array([one.rank_correlation[method] for one in explained])
            for method in explained[0].rank_correlation
        },
    )
    found["hires_cam"]["turning"] = np.array([one.turning_error for one in explained])
    return found
