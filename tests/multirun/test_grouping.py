"""Runs sorted into arms, models and repeats, and compared."""

import os
from pathlib import Path

import numpy as np
import pytest

from livergrade.errors import UserError
from livergrade.multirun.grouping import arms, differences, estimate, leakage_gap, measure, order
from livergrade.runs.find import find_runs
from tests.conftest import finished_run

FEW = {"resamples": 50, "permutations": 100, "seed": 0}


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


def test_a_missing_fold_leaves_the_repeat_out(tmp_path: Path) -> None:
    for fold in (0, 1):
        finished_run(tmp_path / f"senet{fold}", "senet", kind="kfold", fold=fold)
    finished_run(tmp_path / "cbam0", "cbam", kind="kfold", fold=0)
    found, left_out = arms(find_runs([tmp_path])[0])
    assert list(found[0].models) == ["senet"]
    assert left_out == [f"{tmp_path}/cbam0: fold 1 of the same seed is missing"]
    with pytest.raises(UserError, match="fold 1 of the same seed is missing"):
        arms(find_runs([tmp_path / "cbam0"])[0])


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
    assert over["low"] is None
    assert measured["pairs"] == []


def test_the_later_of_two_equal_runs_counts(tmp_path: Path) -> None:
    first = finished_run(tmp_path / "a", "senet")
    second = finished_run(tmp_path / "b", "senet", skill=2)
    os.utime(second / "finished.json", (1, 1))
    found, left_out = arms(find_runs([tmp_path])[0])
    assert [run.folder for run in found[0].runs] == [first]
    assert left_out == [f"{second}: run again later, in {first}"]


def test_one_network_under_other_options_is_a_model_of_its_own(tmp_path: Path) -> None:
    for rate in (0.1, 0.2):
        finished_run(tmp_path / str(rate), "senet", options={"optim.lr": rate})
    found, _ = arms(find_runs([tmp_path])[0])
    assert list(found[0].models) == ["senet, optim.lr=0.1", "senet, optim.lr=0.2"]
    assert len(measure(found[0], **FEW)["pairs"]) == 1


def test_recipes_that_differ_in_many_options_are_told_apart_by_letters(tmp_path: Path) -> None:
    recipe = {"optim.lr": 0.2, "optim.weight_decay": 0.3, "augment.stain": 0.4, "loss.neighbours": 0.1}
    finished_run(tmp_path / "a", "senet")
    finished_run(tmp_path / "b", "senet", options=recipe)
    finished_run(tmp_path / "c", "senet", seed=1, options=recipe)
    found, _ = arms(find_runs([tmp_path])[0])
    assert list(found[0].models) == ["senet A", "senet B"]
    assert list(found[0].models["senet B"]) == ["0", "1"]
    told = differences(found)
    assert set(told) == set(recipe)
    assert told["augment.stain"] == {"senet A": "0.15", "senet B": "0.4"}


def test_arms_are_apart_and_the_gap_is_theirs(tmp_path: Path) -> None:
    finished_run(tmp_path / "fair", "senet", skill=0.1)
    finished_run(tmp_path / "leaky", "senet", kind="image", skill=5)
    found, _ = arms(find_runs([tmp_path])[0])
    assert [arm.kind for arm in found] == ["patient", "image"]
    measured = [measure(arm, **FEW) for arm in found]
    assert measured[0]["leakage"]["leaking"] is False
    assert measured[1]["leakage"]["leaking"] is True
    gaps = leakage_gap(measured)
    assert [row["level"] for row in gaps] == ["view", "image", "patient"]
    assert all(row["gap"] == pytest.approx(row["by_image"] - row["by_patient"]) for row in gaps)
    assert gaps[1]["by_image"] == 1
    assert leakage_gap(measured[:1]) == []


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


def test_grades_must_be_the_same(tmp_path: Path) -> None:
    finished_run(tmp_path / "a", "senet")
    other = finished_run(tmp_path / "b", "cbam")
    for name in ("predictions.csv", "config.yaml"):
        (other / name).write_text((other / name).read_text().replace("moderate", "middling"))
    with pytest.raises(UserError, match="different grades") as error:
        arms(find_runs([tmp_path])[0])
    assert f"{other}: poor, middling, well" in str(error.value)


def test_options_that_differ_between_models_are_listed(tmp_path: Path) -> None:
    finished_run(tmp_path / "a", "vgg16", options={"optim.lr": 0.1})
    finished_run(tmp_path / "b", "senet", options={"optim.lr": 0.2})
    assert differences(arms(find_runs([tmp_path])[0])[0]) == {"optim.lr": {"vgg16": "0.1", "senet": "0.2"}}
