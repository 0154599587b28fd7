"""Select images of a run to explain, and compute the explanation of an image."""

from __future__ import annotations

import math
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
from livergrade.data.cohort import Cohort
from livergrade.evaluation.answer import add_answer
from livergrade.evaluation.faithfulness import METHODS, Measured, by_test
from livergrade.evaluation.levels import aggregate
from livergrade.explanations.maps import class_activation, rotate_maps, score_maps
from livergrade.io.inside import Inside
from livergrade.models.architecture import Normalisation
from livergrade.models.hooks import attention
from livergrade.models.mean_network import members_of
from livergrade.runs.run import Run

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Chosen:
    """An image to be explained.

    Attributes:
        path: the file.
        name: name used in reports and files.
        patient: the patient, empty if unknown.
        grade: the true grade, empty if unknown.
        why: reason why the image was selected.
        mpp: µm per pixel of a named image; None: unknown.
    """

    path: Path
    name: str
    patient: str = ""
    grade: str = ""
    why: str = "named"
    mpp: float | None = None


@dataclass(frozen=True)
class Explained:
    """The explanation of one image.

    Attributes:
        image: the image.
        predicted: index of the most probable grade.
        answer: that grade, or why none is answered, from `livergrade.evaluation.answer`.
        probabilities: probability of each grade, upright view only, ``float32 [K]``.
        view: input of the network as pixels, ``uint8 [S, S, 3]``.
        maps: for each of :data:`livergrade.evaluation.faithfulness.METHODS` ``float32 [K, h, w]``.
        rank_correlation: Spearman's correlation of each method's map of the predicted grade with the map of
            the same network with random weights.
        curves: for each method the predicted grade's probability during deletion and insertion,
            ``float32 [2, steps + 1]``.
        turned_mean: mean HiResCAM of the predicted grade over the rotated views, each rotated back,
            ``float32 [h, w]``.
        turned_spread: standard deviation over the rotated views; NaN for one view.
        turning_error: mean absolute difference between these maps and the upright map, relative to the mean
            absolute value of the upright map; NaN for one view, or where that map is 0.
        attention: name, kind and gates of each block, from :func:`livergrade.models.hooks.attention`; none of
            an ensemble, since the channels of two trainings have nothing to do with each other.
    """

    image: Chosen
    predicted: int
    answer: str
    probabilities: Floats
    view: NDArray[np.uint8]
    maps: dict[str, Floats]
    rank_correlation: dict[str, float]
    curves: dict[str, Floats]
    turned_mean: Floats
    turned_spread: Floats
    turning_error: float
    attention: list[tuple[str, str, Floats]]


def choose(run: Run, cohort: Cohort, n: int, *, outside: bool = False) -> list[Chosen]:
    """Select test images of each grade: those graded best, worst and with the highest uncertainty.

    An image that fits several of these is selected once.

    Args:
        run: the run.
        cohort: its cohort.
        n: images of each kind and grade.
        outside: whether images may lie outside the cohort's folder.

    Raises:
        UserError: the run has no predictions, or they name an image that lies outside its cohort.
    """
    tested, classes = run.tested, run.classes
    level = aggregate(tested)["image"]
    patients: pd.Series[str] = tested.drop_duplicates("image").set_index("image")["patient"]
    root = Inside(cohort.root, outside=outside)
    scores = level.scores.clip(1e-12)
    entropy = -(scores * np.log(scores)).sum(1)
    selected: dict[str, Chosen] = {}
    for label, grade in enumerate(classes):
        of_grade = np.flatnonzero(level.truth == label)
        confidence = level.scores[of_grade, label]
        for why, key in (("best", -confidence), ("worst", confidence), ("least sure", -entropy[of_grade])):
            for index in of_grade[np.argsort(key, kind="stable")][:n]:
                name = level.names[index]
                path = run.image(name, root)
                image = Chosen(path, name, patients[name], grade, f"{why} of {grade}")
                selected.setdefault(name, image)
    return list(selected.values())


def explain(
    image: Chosen,
    views: Sequence[Tensor],
    degrees: Sequence[float],
    net: nn.Module,
    randomized_net: nn.Module,
    normalisation: Normalisation,
    config: ExplainConfig,
    *,
    classes: Sequence[str],
    unlike: float,
    seed: int,
) -> Explained:
    """Compute the explanation of one image.

    Args:
        image: the image.
        views: the image's views, each ``float32 [1, 3, S, S]`` and normalised; the upright view first.
        degrees: the angle of each view, anticlockwise.
        net: the trained network, in evaluation mode, on the device of the views.
        randomized_net: the same network with random weights.
        normalisation: mean and standard deviation of the channels.
        config: the options.
        classes: the grades, worst to best.
        unlike: 1 if the image is out of distribution, else 0.
        seed: seed of the random map.
    """
    upright = views[0]
    scores = score_maps(net, randomized_net, upright, places=config.places, steps=config.steps, seed=seed)
    predicted = int(scores.predicted)
    probabilities = scores.logits.softmax(1)[0].cpu().numpy()
    row = {"predicted": classes[predicted], "unlike": unlike}
    row |= {f"p_{grade}": float(p) for grade, p in zip(classes, probabilities, strict=True)}
    rotated_back = [
        rotate_maps(class_activation(net, view)[1]["hires_cam"], -angle)[0, predicted]
        for view, angle in zip(views, degrees, strict=True)
    ]
    stack = torch.stack(rotated_back)
    return Explained(
        image=image,
        predicted=predicted,
        answer=str(add_answer(pd.DataFrame([row]), classes, None)["answer"].iloc[0]),
        probabilities=probabilities,
        view=as_seen(upright[0], normalisation),
        maps={name: values[0].cpu().numpy() for name, values in scores.maps.items()},
        rank_correlation={name: float(value) for name, value in scores.rank_correlation.items()},
        curves={name: curve[0].cpu().numpy() for name, curve in scores.curves.items()},
        turned_mean=stack.nanmean(0).cpu().numpy(),
        turned_spread=_turned_spread(stack).cpu().numpy(),
        turning_error=_turning_error(stack),
        attention=[
            (block.layer, block.kind, block.gates[0].float().cpu().numpy())
            for block in (attention(net, upright)[1] if len(members_of(net)) == 1 else ())
        ],
    )


def _turned_spread(stack: Tensor) -> Tensor:
    """Standard deviation of maps over the views, the upright one first."""
    spread = (stack - stack.nanmean(0)).square().nanmean(0).sqrt()
    return spread if len(stack) > 1 else torch.full_like(spread, torch.nan)


def _turning_error(stack: Tensor) -> float:
    """Mean distance of the maps from the upright one, the first, relative to the size of that one."""
    size = stack[0].abs().mean()
    if len(stack) < 2 or not size:
        return math.nan
    return float(((stack - stack[0]).abs().nanmean(0).mean() / size).cpu())


def measured(explained: Sequence[Explained]) -> Measured:
    """Return the images' input of :func:`livergrade.evaluation.faithfulness.faithfulness_estimates`."""
    values = by_test(
        {method: np.array([image.curves[method] for image in explained]) for method in METHODS},
        {
            method: np.array([image.rank_correlation[method] for image in explained])
            for method in explained[0].rank_correlation
        },
    )
    values["hires_cam"]["turning"] = np.array([image.turning_error for image in explained])
    return values
