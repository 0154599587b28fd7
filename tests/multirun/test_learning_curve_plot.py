"""The figure of the learning curves shows what was measured."""

from pathlib import Path

from livergrade.multirun.learning_curve_plot import plot_learning_curves
from tests.multirun.test_learning_curve import several_sizes
from tests.reports.test_run_plots import texts


def test_it_shows_the_points_and_their_intervals(tmp_path: Path) -> None:
    learned = several_sizes(tmp_path)["learning_curves"]
    figure = plot_learning_curves(learned, "patient", note="LEAKING: 3 of 4")
    for axes, metric in zip(figure.axes, ("accuracy", "log_loss"), strict=True):
        line, *whiskers = axes.lines
        found = [point["patient"][metric] for point in learned["senet"]["points"]]
        assert list(line.get_ydata()) == [item["value"] for item in found]
        intervals = [[item["low"], item["high"]] for item in found if item["low"] is not None]
        assert [list(one.get_ydata()) for one in whiskers] == intervals
        assert bool(intervals) == (metric == "accuracy")  # a mean log-loss has none that holds
    assert "LEAKING: 3 of 4" in texts(figure)
