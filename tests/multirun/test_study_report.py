"""The page of a search."""

from pathlib import Path

import pandas as pd

from livergrade.config.schema import TuneConfig
from livergrade.multirun.study_report import plot_trials, write_study
from tests.reports.test_run_report import Page

TRIALS = pd.DataFrame(
    {
        "trial": [0, 1, 2],
        "state": ["complete", "fail", "complete"],
        "value": [0.5, None, 0.7],
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
    assert list(best.get_ydata()) == [0.5, 0.7]  # of the trials that ran to their end


def test_the_best_trial_comes_first_and_failures_last(tmp_path: Path) -> None:
    page = Page(write_study(tmp_path, TRIALS, TuneConfig(space=["model=senet,cbam"], trials=3)).read_text())
    assert "b" not in page.tags
    assert page.text.index("0.700") < page.text.index("0.500") < page.text.index("n/a")
    assert "fail: ran out" in page.text
    assert "equally good" not in page.text


def test_tied_trials_have_no_winner(tmp_path: Path) -> None:
    tied = TRIALS.assign(value=[0.7, None, 0.7])
    page = Page(write_study(tmp_path, tied, TuneConfig(space=["model=senet,cbam"], trials=3)).read_text())
    assert "Trials 0 and 2 are equally good" in page.text
