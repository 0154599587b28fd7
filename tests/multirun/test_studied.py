"""What a finished run or sweep has."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.multirun.studied import studied
from tests.conftest import finished_run


def test_a_sweep_of_two_models_tells_how_they_differ(tmp_path: Path) -> None:
    for model, skill in (("senet", 0.3), ("cbam", 0.1)):
        for seed in (0, 1):
            finished_run(
                tmp_path / f"{model}{seed}", model, seed=seed, split_seed=0, skill=skill, patients=96
            )
    has, patients, validating = studied(str(tmp_path), 0.05)
    assert (has["kind"], has["trainings"], has["seeds"], has["folds"]) == ("patient", 4, 2, 0)
    assert (patients, validating) == (96, 0)
    assert has["grades"] == {"poor": 8, "moderate": 8, "well": 8}
    assert set(has["accuracy"]) == {"senet", "cbam"}
    assert has["images"] == 2
    assert 0 < (has["discordance"] or 0) < 1
    assert 0 < (has["seed_discordance"] or 0) < 1
    assert (has["detectable"] or 0) > 0
    assert len(has["set_sizes"]) == 4


def test_one_run_says_nothing_of_differences(tmp_path: Path) -> None:
    has, _, _ = studied(str(finished_run(tmp_path / "run", "senet")), 0.05)
    assert has["discordance"] is has["seed_discordance"] is has["detectable"] is None


def test_folds_are_joined(tmp_path: Path) -> None:
    for fold in (0, 1):
        finished_run(tmp_path / str(fold), "senet", kind="kfold", fold=fold)
    has, patients, _ = studied(str(tmp_path), 0.05)
    assert has["folds"] == 2
    assert patients == sum(has["grades"].values()) == 30


def test_a_fold_alone_is_no_study(tmp_path: Path) -> None:
    finished_run(tmp_path / "0", "senet", kind="kfold")
    with pytest.raises(UserError, match=r"nothing to plan from:\n.*fold 1 of the same seed is missing"):
        studied(str(tmp_path / "0"), 0.05)


def test_a_split_by_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has runs of split=image; a plan is about one kind of split"):
        studied(str(finished_run(tmp_path / "run", "senet", kind="image")), 0.05)
