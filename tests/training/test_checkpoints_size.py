"""How much disk space the checkpoints of a run take."""

from pathlib import Path

import pytest
import torch

from livergrade.training.checkpoints_size import COPIES, checkpoints_size
from tests.config.composed import composed


def test_it_is_that_of_the_files_of_a_run(tiny_run: Path) -> None:
    """All but what names the tensors, and a head of a few bytes."""
    from livergrade.runs.run import Run

    last = (tiny_run / "checkpoints" / "last.ckpt").stat().st_size
    assert checkpoints_size(Run(tiny_run).config) / COPIES == pytest.approx(last, rel=0.25)


def test_it_follows_from_what_is_trained_and_how() -> None:
    network = ["model=timm", "model.backbone=test_resnet"]
    random = torch.get_rng_state()
    adamw, sgd, averaged = (
        checkpoints_size(composed(*network, *words))
        for words in (["optim=adamw"], ["optim=sgd", "optim.momentum=0"], ["optim=adamw", "optim.ema=0.9"])
    )
    assert (adamw, averaged) == (3 * sgd, 4 * sgd)
    assert checkpoints_size(composed(*network, "model.frozen=true")) < sgd
    assert torch.equal(torch.get_rng_state(), random)
    assert 4.8e9 < checkpoints_size(composed("model=vgg16", "optim=adamw")) < 4.9e9
