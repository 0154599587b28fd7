"""Figures of a comparison."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.multirun.grouping import arms
from livergrade.multirun.measures import measure
from livergrade.multirun.plots import ZOOM, curves, mean_histories, plot_arm
from livergrade.reports.style import save
from livergrade.runs.find import find_runs
from tests.conftest import as_own, finished_run


def written(figure) -> str:
    """Every text of a figure, drawn first since the tick labels are made in drawing."""
    figure.draw_without_rendering()
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.slow
def test_every_model_is_in_every_figure(tmp_path: Path) -> None:
    for model in ("senet", "cbam"):
        finished_run(tmp_path / model, model)
    arm = arms(find_runs([tmp_path])[0])[0][0]
    measured = measure(arm, resamples=20, permutations=20, seed=0)
    figures = plot_arm(arm, measured, "patient", note="LEAKING: so and so")
    assert set(figures) == {"accuracy_patient", "confusion_patient", "pairs_patient", "curves_patient"}
    for name, figure in figures.items():
        texts = written(figure)
        assert "senet" in texts
        assert "cbam" in texts
        assert "LEAKING" in texts
        save(figure, tmp_path / "figures" / name)
        assert (tmp_path / "figures" / f"{name}.svg").stat().st_size > 1000
    counts = np.array(measured["models"]["senet"]["repeats"]["0"]["patient"]["confusion"])
    assert all(str(count) in written(figures["confusion_patient"]) for count in counts.flat)


def test_repeats_are_strokes_beside_the_interval(tmp_path: Path) -> None:
    for seed in (0, 1):
        finished_run(tmp_path / str(seed), "senet", seed=seed)
    arm = arms(find_runs([tmp_path])[0])[0][0]
    figures = plot_arm(arm, measure(arm, resamples=20, permutations=20, seed=0), "patient")
    assert "pairs_patient" not in figures
    strokes = [line for line in figures["accuracy_patient"].axes[0].lines if line.get_marker() == "|"]
    assert len(strokes) == 2


def test_curves_are_the_mean_over_folds(tmp_path: Path) -> None:
    for fold in (0, 1):
        folder = finished_run(tmp_path / str(fold), "senet", kind="kfold", fold=fold)
        table = pd.DataFrame({"epoch": [0, 1], "train/accuracy": [fold, 1.0], "val/accuracy": [np.nan, fold]})
        table.to_csv(folder / "history.csv", index=False)
        as_own(folder)
    mean = mean_histories(arms(find_runs([tmp_path])[0])[0][0])["senet"]
    assert list(mean["train/accuracy"]) == [0.5, 1.0]
    assert mean["val/accuracy"].tolist()[1] == 0.5


def test_long_training_is_shown_enlarged_at_the_papers_epochs() -> None:
    epochs = np.arange(300)
    rising = pd.DataFrame({"epoch": epochs, "train/accuracy": 1 - 0.5 ** (epochs / 40), "val/accuracy": 0.5})
    figure = curves({"senet": rising})
    assert [axes.get_xlim() for axes in figure.axes[2:]] == [ZOOM, ZOOM]
    low, high = figure.axes[2].get_ylim()
    assert low > 0.9
    assert high <= 1.002
    assert len(curves({"senet": rising[:100]}).axes) == 2
