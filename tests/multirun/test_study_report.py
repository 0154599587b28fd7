"""The page of a search."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from livergrade.config.schema import TuneConfig
from livergrade.evaluation.estimate import Estimate
from livergrade.multirun.study import OuterEstimate, OuterFold
from livergrade.multirun.study_report import conclude, plot_trials, write_study
from tests.reports.test_run_report import Page

TRIALS = pd.DataFrame(
    {
        "trial": [0, 1, 2],
        "state": ["complete", "fail", "complete"],
        "value": [0.5, None, 0.7],
        "folds": [5, 1, 5],
        "seconds": [1.0, 2.0, 3.0],
        "model": ["senet", "cbam", "<b>"],
        "optim.lr": [0.001, 0.01, 0.1],
        "folder": ["0_a", "1_b", "2_c"],
        "failure": ["", "ran out", ""],
    }
)


def test_each_option_that_was_drawn_has_its_axes() -> None:
    figure = plot_trials(TRIALS)
    axes = {one.get_title(loc="left"): one for one in figure.axes}
    assert list(axes) == ["trial", "model", "optim.lr"]
    assert axes["optim.lr"].get_xscale() == "log"
    best = axes["trial"].lines[-1]
    assert list(best.get_ydata()) == [0.5, 0.5]  # of the trials that ran to their end


def test_the_best_trial_comes_first_and_failures_last(tmp_path: Path) -> None:
    page = Page(write_study(tmp_path, TRIALS, TuneConfig(space=["model=senet,cbam"], trials=3)).read_text())
    assert "b" not in page.tags
    assert page.text.index("0.500") < page.text.index("0.700") < page.text.index("n/a")
    assert "fail: ran out" in page.text
    assert "equally good" not in page.text


def test_tied_trials_have_no_winner(tmp_path: Path) -> None:
    tied = TRIALS.assign(value=[0.7, None, 0.7])
    page = Page(write_study(tmp_path, tied, TuneConfig(space=["model=senet,cbam"], trials=3)).read_text())
    assert "Trials 0 and 2 are equally good" in page.text


def finished(number: int, value: float) -> SimpleNamespace:
    """A trial of Optuna of two folds."""
    return SimpleNamespace(
        number=number,
        value=value,
        state=SimpleNamespace(name="COMPLETE"),
        duration=None,
        params={"model": "senet"},
        intermediate_values={0: value, 1: value},
        user_attrs={"folder": f"{number}_senet"},
    )


def test_the_best_value_is_said_to_be_too_good(tmp_path: Path) -> None:
    config = TuneConfig(space=["model=senet,cbam"], trials=2, folds=2)
    told = conclude(tmp_path, [finished(0, 0.7), finished(1, 0.5)], config)
    assert told.startswith("The best value, 0.500, is optimistic: the trial was chosen by it")
    assert "outer_folds=5 does it" in told
    assert told in " ".join(Page((tmp_path / "report.html").read_text()).text.split())
    study = json.loads((tmp_path / "study.json").read_text())
    assert study["conclusion"] == told
    assert study["best"] == [{"trial": 1, "folder": "1_senet", "options": {"model": "senet"}}]
    assert study["outer"] is None


def test_outer_folds_say_by_how_much(tmp_path: Path) -> None:
    fold: OuterFold = {
        "fold": 0,
        "folder": "outer_0",
        "trial": 3,
        "options": {"model": "cbam"},
        "best_value": 0.5,
        "log_loss": 0.8,
        "patients": 12,
    }  # type: ignore[typeddict-item]
    accuracy: Estimate = {"value": 0.75, "low": 0.5, "high": 0.9, "n": 12}
    outer: OuterEstimate = {
        "folds": [fold],
        "best_value": 0.5,
        "log_loss": 0.8,
        "optimism": 0.3,
        "accuracy": accuracy,
    }  # type: ignore[typeddict-item]
    config = TuneConfig(space=["model=senet,cbam"], trials=1, folds=2, outer_folds=2)
    told = conclude(tmp_path, [finished(0, 0.5)], config, outer)
    assert "a log-loss of 0.800 on the patients of that fold, an optimism of 0.300" in told
    assert "75.0 (50.0–90.0) %" in told
    page = Page((tmp_path / "report.html").read_text())
    assert "Without each outer fold" in page.text
    assert json.loads((tmp_path / "study.json").read_text())["outer"] == outer
