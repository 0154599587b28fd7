"""What is searched, and how good a trial is."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.multirun.study import draw, objective, read_space, refuse_own_folds
from tests.conftest import GRADES, finished_run


class First:
    """A trial that draws the lowest and the first."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.asked[name] = (low, high, log)
        return low

    def suggest_categorical(self, name: str, choices: list[str]) -> str:
        self.asked[name] = choices
        return choices[0]


def test_words_are_parted_and_drawn() -> None:
    fixed, searched = read_space(
        [
            "trainer.max_epochs=5",
            "model=senet,sknet",
            "optim.lr=tag(log,interval(1e-4,1e-2))",
            "model.reduction=range(8,33,8)",
            "data.classes=[a,b]",
            "optim.weight_decay=interval(0,0.1)",
        ]
    )
    assert fixed == ["trainer.max_epochs=5", "data.classes=[a,b]"]
    trial = First()
    assert draw(trial, searched) == [
        "model=senet",
        "optim.lr=0.0001",
        "model.reduction=8",
        "optim.weight_decay=0.0",
    ]
    assert trial.asked == {
        "model": ["senet", "sknet"],
        "optim.lr": (1e-4, 1e-2, True),
        "model.reduction": ["8", "16", "24", "32"],
        "optim.weight_decay": (0.0, 0.1, False),
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["seed=0"], "nothing is searched"),
        (["optim.lr=tag(log,interval(0,1))"], "begins above 0"),
        (["optim.lr=interval(0"], "optim.lr=interval"),
        (["seed=1,2", "data.classes=[a,b's]"], "data.classes=[a,b's]: can't be read, since a ' or"),
        (["seed=1,2", "2 3"], "2 3: can't be read (it is not key=value"),
        (["~model", "seed=1,2"], "~model: nothing can be taken away"),
    ],
)
def test_what_cannot_be_searched_is_told(words: list[str], told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)) as error:
        read_space(words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "outer", "told"),
    [
        (["seed=1,2", "split.val_fold=1"], False, "split.val_fold=1: the search divides the patients itself"),
        (["split.val_folds=3,4"], False, "say how many with folds=$"),
        (["split.seed=3,4"], False, "split.seed: the search divides"),
        (["seed=1,2", "split=kfold"], False, "split=kfold: the search"),
        (["seed=1,2", "data.split_file=x.csv"], True, "data.split_file=x.csv: .* folds= and outer_folds="),
    ],
)
def test_who_validates_is_not_an_option_of_a_trial(words: list[str], outer: bool, told: str) -> None:
    with pytest.raises(UserError, match=told):
        refuse_own_folds(*read_space(words), outer=outer)


def test_a_file_with_the_test_patients_may_be_given() -> None:
    refuse_own_folds(*read_space(["seed=1,2", "data.split_file=x.csv", "split=patient"]), outer=False)


def test_the_patients_of_all_folds_and_no_test_patients_decide(tmp_path: Path) -> None:
    runs = [finished_run(tmp_path / str(seed), "senet", seed=seed, skill=9 * seed) for seed in (0, 1)]
    with pytest.raises(UserError, match="has no validation patients"):
        objective(runs)
    losses = []
    for number, run in enumerate(runs):
        table = pd.read_csv(run / "predictions.csv")
        graded = table.assign(
            split="val", image=f"v{number}" + table["image"], patient=f"v{number}" + table["patient"]
        )
        pd.concat([table, graded]).to_csv(run / "predictions.csv", index=False)
        by_patient = graded.groupby("patient")[[f"p_{grade}" for grade in GRADES]].mean()
        truth = graded.groupby("patient")["grade"].first()
        losses += [-np.log(by_patient.loc[name, f"p_{grade}"]) for name, grade in truth.items()]
    assert objective(runs) == pytest.approx(np.mean(losses), rel=1e-5)
    assert objective(runs[:1]) > objective(runs)  # the second network is better
    pd.concat([table, graded]).to_csv(runs[0] / "predictions.csv", index=False)
    with pytest.raises(UserError, match="are in both"):
        objective(runs)
