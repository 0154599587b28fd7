"""A trained network that grades images outside training."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from livergrade.errors import UserError
from livergrade.evaluation.ood import appearance
from livergrade.evaluation.temperature import scaled
from livergrade.inference.grader import Grader
from livergrade.io.images import read_square
from livergrade.multirun.ensemble import open_run
from livergrade.runs.run import Run
from tests.conftest import GRADES, finished_run
from tests.pretended_card import pretended_card


def test_it_grades_each_view_as_the_runs_own_test_did(tiny_run: Path, manifest: Path) -> None:
    run = Run(tiny_run)
    grader = Grader(run, accelerator="cpu")
    assert grader.classes == list(GRADES)
    assert grader.degrees == [0, 180]
    name = run.tested["image"].iloc[0]
    square = torch.tensor(read_square(manifest.parent / name, grader.size))[None]
    found = pd.DataFrame(grader.grade(square)[0], index=grader.degrees)
    expected = run.tested[run.tested["image"] == name].set_index("angle").loc[grader.degrees]
    np.testing.assert_allclose(found, expected[[f"p_{grade}" for grade in GRADES]], atol=1e-5)


def test_the_members_of_a_sweep_answer_together_and_tell_how_they_differ(folds: Path, manifest: Path) -> None:
    together = open_run(folds)
    grader = Grader(together, accelerator="cpu", calibrated=True)
    square = torch.tensor(read_square(manifest.parent / together.tested["image"].iloc[0], grader.size))[None]
    found, spread = grader.grade_members(square)
    singles = [Grader(run, accelerator="cpu") for run in together.members]
    assert grader.degrees == singles[0].degrees
    each = np.stack([single.grade(square)[0] for single in singles])  # [members, views, classes]
    assert grader.temperature == together.calibration["temperature"]
    np.testing.assert_allclose(found[0], scaled(each.mean(0), grader.temperature or 1.0))
    predicted = found[0].mean(0).argmax()
    expected = scaled(each, grader.temperature or 1.0).mean(1)[:, predicted].std()
    np.testing.assert_allclose(spread, [expected])
    assert np.isnan(singles[0].grade_members(square)[1]).all()
    assert grader.distances(appearance(square.numpy())).shape == (1,)
    assert np.isfinite(grader.limit)


def test_angles_are_spread_over_the_circle(tiny_run: Path) -> None:
    run = Run(tiny_run)
    assert Grader(run, "4", "cpu").degrees == [0, 90, 180, 270]
    assert Grader(run, "upright", "cpu").degrees == [0]
    with pytest.raises(UserError, match=r"views=37: must be all, upright or a number from 1 to 36"):
        Grader(run, "37", "cpu")


def test_without_a_limit_nothing_is_said_to_be_like_the_training_images(tiny_run: Path) -> None:
    grader = Grader(Run(tiny_run), accelerator="cpu")
    assert grader.appearance
    grader.appearance = {**grader.appearance, "limit": 2.0}
    assert [grader.ood_score(distance)["unlike"] for distance in (1.0, 3.0)] == [0.0, 1.0]
    grader.appearance = {**grader.appearance, "limit": None}
    assert np.isnan(grader.ood_score(3.0)["unlike"])
    assert grader.warnings(calibrated=False) == [
        "images unlike the training images are not detected: the run has no limit for them"
    ]


def test_a_run_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was not trained to its end"):
        Grader(Run(finished_run(tmp_path / "run", "senet")), accelerator="cpu")


@pytest.mark.parametrize(
    ("trained_in", "dtype"),
    [("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16), ("32-true", None)],
)
def test_a_gpu_grades_in_the_precision_that_the_run_was_tested_in(
    tiny_run: Path, trained_in: str, dtype: torch.dtype | None
) -> None:
    run = Run(tiny_run)
    run.environment = {**run.environment, "precision": trained_in}
    assert Grader(run, accelerator="cpu").autocast is None
    square = torch.zeros(1, 52, 52, 3, dtype=torch.uint8)
    with pretended_card():
        grader = Grader(run)
        assert grader.autocast == dtype
        inputs = []
        grader.net.fc.register_forward_hook(lambda layer, given, made: inputs.append(made.dtype))
        assert grader.grade(square).shape == (1, 2, 3)
    assert set(inputs) == {dtype or torch.float32}
