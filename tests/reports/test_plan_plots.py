"""The figure of a plan."""

from typing import cast

from livergrade.evaluation.study_plan import Plan
from livergrade.reports.plan_plots import plot_plan
from tests.reports.test_plan_text import PLAN


def test_each_width_and_each_design_has_its_line() -> None:
    left, right = plot_plan(PLAN).axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == [
        "by image",
        "by patient",
        "± 7.5 points",
        "held out: 15 of 74 patients",
        "with folds: all 74 patients",
    ]
    assert [text.get_text() for text in right.get_legend().get_texts()] == [
        "3 seeds",
        "3 seeds × 5 folds",
    ]
    assert right.get_title(loc="left") == "power at 10 points apart"
    lines = len(left.lines)
    without = plot_plan(cast("Plan", {**PLAN, "known": None})).axes[0]
    assert lines - len(without.lines) == 2  # where the known numbers of patients are
