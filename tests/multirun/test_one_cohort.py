"""Runs of which the data changed in between are neither averaged nor compared."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.multirun.grouping import arms
from livergrade.multirun.measures import measure
from livergrade.multirun.one_cohort import refuse_mixed_cohorts
from livergrade.runs.find import find_runs
from tests.conftest import as_own, finished_run, telling


def check(folder: Path) -> None:
    for arm in arms(find_runs([folder])[0])[0]:
        refuse_mixed_cohorts(arm.models, external=arm.kind == "external")


def change(run: Path, make: Callable[[pd.DataFrame], None], *files: str) -> None:
    for name in files:
        table = pd.read_csv(run / name, dtype=str)
        make(table)
        table.to_csv(run / name, index=False)
    as_own(run)


def regrade(table: pd.DataFrame) -> None:
    table.loc[table["image"] == "012_0.png", "grade"] = "well"


def regrade_training(table: pd.DataFrame) -> None:
    table.loc[table["split"] == "train", "grade"] = "well"


def rename(table: pd.DataFrame) -> None:
    table.loc[table["patient"] == "P012", "patient"] = "P999"


def rescan(table: pd.DataFrame) -> None:
    table.loc[table["image"] == "001_0.png", "sha256"] = "f" * 64


def add(table: pd.DataFrame) -> None:
    table.loc[len(table)] = ["new.png", "P999", "poor", "train", "e" * 64]


def add_namesake(table: pd.DataFrame) -> None:
    table.loc[len(table)] = ["012_0.png", "P999", "well", "train", "d" * 64]


@pytest.mark.parametrize(
    ("make", "told"),
    telling(
        [
            (regrade, "against .*/0: 1 image differs: 012_0.png \\(grade poor there, well here\\)"),
            (rename, ".*2 images differ: .*012_1.png \\(patient P012 there, P999 here\\)"),
            (rescan, ".*001_0.png \\(sha256 0+…0+2 there, f+…f+ here\\)"),
            (add, ".*new.png \\(only here\\)"),
        ],
        fast=(0, 3),
    ),
)
def test_seeds_of_other_data_are_no_repeats(
    tmp_path: Path, make: Callable[[pd.DataFrame], None], told: str
) -> None:
    for seed in range(2):
        finished_run(tmp_path / str(seed), "senet", seed=seed)
    check(tmp_path)
    change(tmp_path / "1", make, "split.csv")
    with pytest.raises(UserError, match=f"not of the same data.*\\n  {tmp_path}/1, {told}"):
        check(tmp_path)


def test_models_are_compared_on_the_same_bytes_whatever_else_they_were_trained_on(tmp_path: Path) -> None:
    finished_run(tmp_path / "a", "senet")
    finished_run(tmp_path / "b", "cbam", options={"data.manifest": "/larger.csv"})
    change(tmp_path / "b", add, "split.csv")  # a further training image
    check(tmp_path)
    change(tmp_path / "b", rescan, "split.csv")  # in the test
    with pytest.raises(UserError, match=r"001_0\.png"):
        check(tmp_path)


def test_models_that_are_said_to_be_of_one_cohort_were_trained_on_it(tmp_path: Path) -> None:
    finished_run(tmp_path / "a", "senet")
    finished_run(tmp_path / "b", "cbam", options={"data.image_size": 128})
    change(tmp_path / "b", regrade_training, "split.csv")
    with pytest.raises(UserError, match=r"/b, against .*/a: .*grade poor there, well here"):
        check(tmp_path)


def test_folds_are_of_one_split(tmp_path: Path) -> None:
    for fold in (0, 1):
        run = finished_run(tmp_path / str(fold), "senet", kind="kfold", fold=fold)
        change(
            run,
            lambda table: table.insert(0, "fold", [str(row // 2 % 2) for row in table.index]),
            "split.csv",
        )
    check(tmp_path)
    change(tmp_path / "1", lambda table: table.__setitem__("fold", table["fold"][::-1].tolist()), "split.csv")
    with pytest.raises(
        UserError, match=r"/1, against .*/0: 60 images differ: 000_0.png \(fold 0 there, 1 here\)"
    ):
        check(tmp_path)


def test_models_of_one_seed_and_the_same_options_have_one_split(tmp_path: Path) -> None:
    for model in ("senet", "cbam"):
        finished_run(tmp_path / model, model)
    change(
        tmp_path / "senet",
        lambda table: table.replace({"split": {"train": "val"}}, inplace=True),
        "split.csv",
    )
    with pytest.raises(UserError, match=r"\(split train there, val here\)"):
        check(tmp_path)


def test_predictions_are_of_the_runs_own_split(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "a", "senet")
    change(run, rename, "predictions.csv")
    with pytest.raises(
        UserError, match=r"against its split\.csv: 2 images differ: .*\(patient P012 there, P999 here\)"
    ):
        check(tmp_path)


def test_of_another_cohort_the_tested_images_count_alone(tmp_path: Path) -> None:
    for seed in (0, 4):
        finished_run(tmp_path / str(seed), "senet", kind="external", seed=seed)
    change(tmp_path / "4", add, "split.csv")
    change(tmp_path / "4", add_namesake, "split.csv")
    check(tmp_path)
    change(tmp_path / "4", regrade, "split.csv", "predictions.csv")
    with pytest.raises(UserError, match="grade poor there, well here"):
        measure(arms(find_runs([tmp_path])[0])[0][0], resamples=50, permutations=100, seed=0)
