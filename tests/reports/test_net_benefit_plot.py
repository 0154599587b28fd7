"""The figure of the decision curves shows what ``metrics.json`` holds."""

from livergrade.evaluation.net_benefit import decision_curves
from livergrade.reports.net_benefit_plot import plot_net_benefit
from tests.evaluation.simulated import predict
from tests.reports.test_run_plots import texts


def test_it_shows_what_was_measured() -> None:
    benefit = decision_curves(predict([0] * 5 + [1] * 4 + [2] * 3))
    figure = plot_net_benefit(benefit, title="Decision curve of poor", note="LEAKING: 3 of 4")
    for axes, level in zip(figure.axes, ("image", "patient"), strict=True):
        none, treat_all, model = axes.lines
        assert list(none.get_ydata()) == [0, 0]
        assert list(treat_all.get_ydata()) == [point["treat_all"] for point in benefit[level]["curve"]]
        assert list(model.get_ydata()) == [point["model"] for point in benefit[level]["curve"]]
    told = texts(figure)
    assert "patient level (5 of 12)" in told
    assert "LEAKING: 3 of 4" in told


def test_a_test_set_without_the_worst_grade_is_drawn() -> None:
    benefit = decision_curves(predict([1, 1, 2, 2]))
    assert "patient level (0 of 4)" in texts(plot_net_benefit(benefit, title=""))
