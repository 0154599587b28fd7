"""Pictures of graded views in TensorBoard: confusion matrices and precision-recall curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from livergrade.reports.run_plots import confusion_matrix
from livergrade.reports.style import literal


def add_confusion(
    writer: SummaryWriter,
    tag: str,
    counts: NDArray[np.int64],
    classes: Sequence[str],
    title: str,
    note: str,
    epoch: int,
) -> None:
    """Add a confusion matrix to the tab IMAGES: counts, and the colour is the share of the true grade.

    Args:
        writer: of the run.
        tag: what was graded, as ``val``; the picture's tag is ``confusion/<tag>``.
        counts: rows are the true grades, ``int64 [classes, classes]``.
        classes: the grades, worst to best.
        title: printed above.
        note: a warning below the title; empty: none.
        epoch: the step, counted from 1.
    """
    figure = confusion_matrix(counts, classes, title=title, note=note)
    literal(figure)
    writer.add_figure(f"confusion/{tag}", figure, epoch)


def add_pr_curves(
    writer: SummaryWriter,
    tag: str,
    truth: NDArray[np.int64],
    scores: NDArray[np.floating],
    classes: Sequence[str],
    epoch: int,
) -> None:
    """Add a precision-recall curve of each grade against the rest to the tab PR CURVES.

    A grade that is absent, or alone, has none.

    Args:
        writer: of the run.
        tag: what was graded, as ``val``; a curve's tag is ``pr/<tag>/<grade>``.
        truth: the true grades, ``int64 [N]``.
        scores: probability of each grade, ``float [N, classes]``.
        classes: the grades, worst to best.
        epoch: the step, counted from 1.
    """
    for code, grade in enumerate(classes):
        positive = truth == code
        if positive.any() and not positive.all():
            writer.add_pr_curve(f"pr/{tag}/{grade}", positive, scores[:, code].clip(0, 1), epoch)
