"""Rules by which an exported network's probabilities and distance become a set of grades and an answer."""

from __future__ import annotations

import logging
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from livergrade.config.schema import ExportConfig
from livergrade.evaluation.levels import ReportedLevel
from livergrade.inference.answers import Answers
from livergrade.inference.grader import Grader
from livergrade.io.grades import UNLIKE, UNSURE
from livergrade.runs.run import Run

log = logging.getLogger(__name__)

VERSION = 1
"""Of the file: another number means that keys have another meaning."""
EVERY_GRADE = 1.0
"""Nonconformity that no grade exceeds: a limit of it leaves every grade in the set."""
ROUNDING = 1e-6
"""Share by which the distance may differ where another program computes it. The limit is the distance of a
validation image, which would else be unlike training by the last digit."""


class AnswerRules(TypedDict):
    """Content of ``answer_rules.json``.

    Attributes:
        version: `VERSION`.
        classes: the grades, worst to best.
        square: side in pixels of the central square of an image, on which the distance is measured.
        views: angles in degrees that the limits of the sets are for.
        temperature: of the probabilities; 1: none was fitted.
        distance_limit: largest distance of an image that counts as like the training images; null: none was
            fitted, and no image counts as unlike them.
        coverage: share of new patients whose set must contain the true grade.
        by_grade: whether each grade has a limit of its own.
        set_limits: ``image`` and ``patient``: largest nonconformity of each grade in a set, worst grade
            first; 1 where every grade stays in it; null without sets.
        no_sets: why there are no sets, or why they leave out no grade; null: they do.
        abstain: probability of the predicted grade below which the answer is ``unsure``; null: never.
        unsure: the answer then.
        unlike: the answer to an image beyond ``distance_limit``.
    """

    version: int
    classes: list[str]
    square: int
    views: list[float]
    temperature: float
    distance_limit: float | None
    coverage: float
    by_grade: bool
    set_limits: dict[ReportedLevel, list[float] | None]
    no_sets: str | None
    abstain: float | None
    unsure: str
    unlike: str


def make_answers(run: Run, grader: Grader, config: ExportConfig) -> Answers:
    """What turns the exported probabilities into answers, with what it can't tell in the log.

    Args:
        run: the run.
        grader: its network.
        config: the options.
    """
    answers = Answers(
        grader.calibration,
        grader.classes,
        views=len(grader.degrees),
        calibrated=True,
        coverage=config.coverage,
        by_grade=config.conformal.sets_by_grade(run.recorded.conformal),
        abstain=config.abstain,
    )
    for line in (*grader.warnings(calibrated=True), *answers.warnings()):
        log.warning("%s", line)
    return answers


def answer_rules(grader: Grader, answers: Answers) -> AnswerRules:
    """The rules by which `livergrade.predict` answers with the same options.

    Args:
        grader: the network.
        answers: made of the same network's calibration.
    """
    limits = answers.thresholds.limits
    return {
        "version": VERSION,
        "classes": list(grader.classes),
        "square": grader.size,
        "views": list(grader.degrees),
        "temperature": grader.temperature or 1.0,
        "distance_limit": grader.limit * (1 + ROUNDING) if np.isfinite(grader.limit) else None,
        "coverage": answers.coverage,
        "by_grade": answers.thresholds.by_grade,
        "set_limits": {
            "image": _limits(limits.get("image")),
            "patient": _limits(limits.get("patient")),
        },
        "no_sets": answers.no_sets_reason or None,
        "abstain": answers.abstain,
        "unsure": UNSURE,
        "unlike": UNLIKE,
    }


def _limits(limit: npt.NDArray[np.float64] | None) -> list[float] | None:
    """Limits as JSON has them: it has no infinity."""
    return None if limit is None else np.minimum(limit, EVERY_GRADE).tolist()
