"""What is searched, and how good a trial is."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.evaluation.summary import evaluate
from livergrade.multirun.study import draw, objective, read_space
from tests.conftest import finished_run


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
        (["seed=1,2", "2 3"], "2 3: can't be read (it is no key=value"),
        (["~model", "seed=1,2"], "~model: nothing can be taken away"),
    ],
)
def test_what_cannot_be_searched_is_told(words: list[str], told: str) -> None:
    with pytest.raises(UserError, match=re.escape(told)) as error:
        read_space(words)
    assert "\n" not in str(error.value)


def test_the_validation_patients_alone_decide(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", "senet", skill=9)
    with pytest.raises(UserError, match=r"split\.val_fraction"):
        objective(run)
    good = pd.read_csv(run / "predictions.csv")
    bad = pd.read_csv(finished_run(tmp_path / "other", "senet", skill=0) / "predictions.csv")
    both = pd.concat([good, bad.assign(split="val", image="v" + bad["image"], patient="v" + bad["patient"])])
    both.to_csv(run / "predictions.csv", index=False)
    expected = evaluate(bad, None, resamples=1)["patient"]["balanced_accuracy"]["value"]
    assert objective(run) == pytest.approx(expected)
    assert objective(run) < 1
