"""Runs sorted into arms, models and repeats, and compared."""

import os
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.multirun.grouping import arms, differences
from livergrade.runs.find import find_runs
from tests.conftest import as_own, finished_run


def test_a_missing_fold_leaves_the_repeat_out(tmp_path: Path) -> None:
    for fold in (0, 1):
        finished_run(tmp_path / f"senet{fold}", "senet", kind="kfold", fold=fold)
    finished_run(tmp_path / "cbam0", "cbam", kind="kfold", fold=0)
    found, left_out = arms(find_runs([tmp_path])[0])
    assert list(found[0].models) == ["senet"]
    assert left_out == [f"{tmp_path}/cbam0: fold 1 of the same seed is missing"]
    with pytest.raises(UserError, match="fold 1 of the same seed is missing"):
        arms(find_runs([tmp_path / "cbam0"])[0])


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


def test_grades_must_be_the_same(tmp_path: Path) -> None:
    finished_run(tmp_path / "a", "senet")
    other = finished_run(tmp_path / "b", "cbam")
    for name in ("predictions.csv", "config.yaml"):
        (other / name).write_text((other / name).read_text().replace("moderate", "middling"))
    as_own(other)
    with pytest.raises(UserError, match="different grades") as error:
        arms(find_runs([tmp_path])[0])
    assert f"{other}: poor, middling, well" in str(error.value)


def test_options_that_differ_between_models_are_listed(tmp_path: Path) -> None:
    finished_run(tmp_path / "a", "vgg16", options={"optim.lr": 0.1})
    finished_run(tmp_path / "b", "senet", options={"optim.lr": 0.2})
    assert differences(arms(find_runs([tmp_path])[0])[0]) == {"optim.lr": {"vgg16": "0.1", "senet": "0.2"}}


def test_seeds_are_named_with_their_split_only_where_splits_differ(tmp_path: Path) -> None:
    for seed in range(3):
        finished_run(tmp_path / f"one{seed}", "senet", seed=seed, split_seed=7)
    found, _ = arms(find_runs([tmp_path])[0])
    assert list(found[0].models["senet"]) == ["0", "1", "2"]
    finished_run(tmp_path / "other", "senet", seed=1, split_seed=1)
    found, _ = arms(find_runs([tmp_path])[0])
    assert list(found[0].models["senet"]) == ["0, split 7", "1", "1, split 7", "2, split 7"]
