"""Runs with a frozen network: the head is trained on embeddings, and what is left is a whole network."""

import json
from collections.abc import Callable
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
import pytest
import torch

from livergrade.config.schema import AugmentConfig, DataConfig
from livergrade.data.cohort import from_manifest
from livergrade.data.datamodule import GradingData
from livergrade.evaluation.predictions import predictions_table
from livergrade.models.architecture import IMAGENET
from livergrade.models.trained import trained_net
from livergrade.runs.folder import read_options
from livergrade.training.setup import make_task
from tests.conftest import GRADES, TINY, train

pytestmark = pytest.mark.usefixtures("narrow", "unreported")

PROBE = ("experiment=probe", "model.reduction=8", "data.batch_size=6")


@pytest.fixture(scope="module")
def probe(narrow: None, unreported: None, small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probe") / "run"
    words = ("model=senet", *small, *PROBE, "trainer.max_epochs=3", f"hydra.run.dir={folder}")
    train(*words, outputs=folder.parent)
    return folder


def tensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]


def test_the_tested_checkpoint_is_whole_and_grades_views_as_it_graded_embeddings(
    probe: Path, manifest: Path, tmp_path: Path
) -> None:
    net, classes = trained_net(probe / "checkpoints" / "best.ckpt")
    task = make_task(read_options(probe), classes, "")
    task.net.load_state_dict(net.state_dict())
    assert task.net.layer1[0].attention.reduce.out_features == 256 // 8
    assert set(tensors(probe / "checkpoints" / "best.ckpt")) == set(task.state_dict())
    data = GradingData(
        from_manifest(manifest, list(GRADES)),
        pd.read_csv(probe / "split.csv"),
        DataConfig(image_size=32),
        AugmentConfig(step_degrees=90, test_views="2"),
        tmp_path,
        seed=0,
        normalisation=IMAGENET,
    )
    L.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False).test(task, data, verbose=False)
    again, written = (
        predictions_table(data.cohort.table, data.cohort.classes, task.graded),
        pd.read_csv(probe / "predictions.csv"),
    )
    assert list(again["image"]) == list(written["image"])
    assert list(again["angle"]) == list(written["angle"])
    for grade in GRADES:
        np.testing.assert_allclose(again[f"p_{grade}"], written[f"p_{grade}"], atol=1e-5)


def test_checkpoints_to_resume_from_hold_the_head_alone(probe: Path) -> None:
    net = {name for name in tensors(probe / "checkpoints" / "last.ckpt") if name.startswith("net.")}
    assert net == {"net.fc.weight", "net.fc.bias"}
    facts = json.loads((probe / "environment.json").read_text())
    assert facts["trained_parameters"] == 3 * 2048 + 3 < facts["parameters"]


@pytest.mark.slow
def test_a_resumed_probe_ends_where_an_uninterrupted_one_does(
    run: Callable[..., Path], small: list[str], tmp_path: Path
) -> None:
    options = ("experiment=probe", "data.batch_size=6", "optim.schedule=constant")
    resumed = run(*options, "trainer.max_epochs=2")
    train(f"train.resume={resumed}", "trainer.max_epochs=4", outputs=tmp_path)
    whole = tmp_path / "whole"
    train(*TINY, *small, *options, "trainer.max_epochs=4", f"hydra.run.dir={whole}", outputs=tmp_path)
    first, second = (tensors(folder / "checkpoints" / "last.ckpt") for folder in (resumed, whole))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
