"""Precision-recall curves and confusion matrices in TensorBoard."""

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util
from torch.utils.tensorboard import SummaryWriter

from livergrade.training.board_figures import add_confusion, add_pr_curves


@pytest.mark.usefixtures("undrawn")
def test_curves_of_the_grades_that_are_there(tmp_path: Path) -> None:
    scores = np.array([[0.8, 0.2, 0], [0.6, 0.4, 0], [0.3, 0.7, 0], [0.1, 0.9, 0]], np.float32)
    with SummaryWriter(str(tmp_path)) as writer:
        add_pr_curves(writer, "val", np.array([0, 0, 0, 1]), scores, ["a", "b", "c"], 3)
        add_confusion(writer, "val", np.eye(3, dtype=np.int64), ["a", "b", "c"], "val, epoch 3", "", 3)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["tensors"] == ["pr/val/a", "pr/val/b"]
    (curve,) = events.Tensors("pr/val/b")
    *_, precision, recall = tensor_util.make_ndarray(curve.tensor_proto)
    assert (curve.step, recall[0], precision[0], precision[100]) == (3, 1, 0.25, 1)
    assert [picture.step for picture in events.Images("confusion/val")] == [3]
