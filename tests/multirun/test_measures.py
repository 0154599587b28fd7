"""Metrics of models over their trainings, and of pairs of models."""

from pathlib import Path

import numpy as np
import pytest

from livergrade.errors import UserError
from livergrade.multirun.grouping import arms
from livergrade.multirun.measures import ArmMeasures, best_models, estimate, measure, order
from livergrade.runs.find import find_runs
from tests.conftest import finished_run

FEW = {"resamples": 50, "permutations": 100, "seed": 0}


def measured_in(folder: Path) -> ArmMeasures:
    """What the runs of the first arm in a folder measure."""
    return measure(arms(find_runs([folder])[0])[0][0], **FEW)


def test_folds_make_a_repeat_in_which_every_patient_is_tested_once(tmp_path: Path) -> None:
    for model in ("senet", "cbam"):
        for fold in (0, 1):
            finished_run(tmp_path / f"{model}{fold}", model, kind="kfold", fold=fold)
    found, left_out = arms(find_runs([tmp_path])[0])
    assert not left_out
    assert [arm.kind for arm in found] == ["kfold"]
    assert {name: list(repeats) for name, repeats in found[0].models.items()} == {
        "cbam": ["0"],
        "senet": ["0"],
    }
    measured = measure(found[0], **FEW)
    accuracy = estimate(measured["models"]["senet"], "patient", "accuracy")
    assert accuracy["n"] == 30
    confusions = [run.metrics["patient"]["confusion"] for run in found[0].models["senet"]["0"]]
    pooled = measured["models"]["senet"]["repeats"]["0"]["patient"]["confusion"]
    assert np.array_equal(np.sum(confusions, axis=0), pooled)


def test_seeds_are_repeats_with_mean_and_sd(tmp_path: Path) -> None:
    for seed in range(3):
        finished_run(tmp_path / f"senet{seed}", "senet", seed=seed)
    found, _ = arms(find_runs([tmp_path])[0])
    assert list(found[0].models["senet"]) == ["0", "1", "2"]
    measured = measure(found[0], **FEW)
    over = estimate(measured["models"]["senet"], "image", "accuracy")
    each = [run.metrics["image"]["accuracy"]["value"] for run in found[0].runs]
    assert over["values"] == pytest.approx(each)
    assert over["value"] == pytest.approx(np.mean(each))
    assert over["sd"] == pytest.approx(np.std(each, ddof=1))
    assert over["low"] < over["value"] < over["high"]
    assert over["method"].endswith("patients and trainings")
    assert measured["pairs"] == []


def test_the_most_accurate_comes_first_and_pairs_are_tested(tmp_path: Path) -> None:
    finished_run(tmp_path / "weak", "vgg16", skill=0.0)
    finished_run(tmp_path / "strong", "senet", skill=9)
    measured = measure(arms(find_runs([tmp_path])[0])[0][0], **FEW)
    assert order(measured, "patient") == ["senet", "vgg16"]
    (pair,) = measured["pairs"]
    assert {pair["first"], pair["second"]} == {"senet", "vgg16"}
    assert pair["patient"]["difference"]["accuracy"]["value"] == pytest.approx(
        estimate(measured["models"][pair["first"]], "patient", "accuracy")["value"]
        - estimate(measured["models"][pair["second"]], "patient", "accuracy")["value"]
    )


def test_models_tested_on_other_patients_are_refused(tmp_path: Path) -> None:
    finished_run(tmp_path / "a", "senet")
    finished_run(tmp_path / "b", "cbam", patients=60)
    with pytest.raises(UserError, match="not of the same data"):
        measure(arms(find_runs([tmp_path])[0])[0][0], **FEW)


def test_one_seed_is_about_trainings_and_several_about_models(tmp_path: Path) -> None:
    for model in ("senet", "cbam"):
        finished_run(tmp_path / "one" / model, model, patients=60)
        for seed in range(3):
            finished_run(tmp_path / "three" / f"{model}{seed}", model, seed=seed, split_seed=0, patients=60)
    (one,) = measured_in(tmp_path / "one")["pairs"]
    assert (one["about"], one["trainings"]) == ("trainings", [1, 1])
    assert one["patient"]["test"]["method"] == "permutation of patients"
    (three,) = measured_in(tmp_path / "three")["pairs"]
    assert (three["about"], three["trainings"]) == ("models", [3, 3])
    assert three["patient"]["test"]["method"] == "Student's t, patients and trainings"
    assert three["mcnemar"]["p"] is None


def test_trainings_of_one_split_need_not_have_the_same_seeds(tmp_path: Path) -> None:
    for model, seeds in (("senet", (0, 1)), ("cbam", (5, 6, 7))):
        for seed in seeds:
            finished_run(tmp_path / f"{model}{seed}", model, seed=seed, split_seed=0, patients=60)
    measured = measured_in(tmp_path)
    assert measured["repeats"] == []
    (pair,) = measured["pairs"]
    assert dict(zip((pair["first"], pair["second"]), pair["trainings"], strict=True)) == {
        "senet": 2,
        "cbam": 3,
    }


def test_seeds_with_splits_of_their_own_are_compared_seed_by_seed(tmp_path: Path) -> None:
    for model, seeds in (("senet", (0, 1, 2)), ("cbam", (0, 1))):
        for seed in seeds:
            finished_run(tmp_path / f"{model}{seed}", model, seed=seed, patients=60)
    measured = measured_in(tmp_path)
    assert measured["repeats"] == ["0", "1"]
    (pair,) = measured["pairs"]
    assert (pair["about"], pair["trainings"]) == ("models", [2, 2])


def test_folds_of_one_seed_are_trainings(tmp_path: Path) -> None:
    for model in ("senet", "cbam"):
        for fold in (0, 1):
            finished_run(tmp_path / f"{model}{fold}", model, kind="kfold", fold=fold, patients=60)
    (pair,) = measured_in(tmp_path)["pairs"]
    assert (pair["about"], pair["trainings"]) == ("models", [2, 2])


def test_tied_models_are_all_the_best_and_optimism_is_expected(tmp_path: Path) -> None:
    for model in ("senet", "cbam"):
        finished_run(tmp_path / model, model, skill=9)
    measured = measured_in(tmp_path)
    assert best_models(measured, "patient") == ["cbam", "senet"]
    assert measured["optimism"]["patient"] == pytest.approx(0, abs=1e-6)
    (pair,) = measured["pairs"]
    assert pair["patient"]["decision"]["better"] is None
