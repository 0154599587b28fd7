"""Figures: what they say, that it can be read, and that files are whole."""

import copy
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from livergrade.evaluation.summary import evaluate
from livergrade.reports import run_plots as f
from livergrade.reports.palette import WARNING
from tests.conftest import prediction_columns, telling

NOTE = "LEAKING: 3 of 4 test images share a patient with training or validation."
NAMES = [
    "poor",
    "Low-grade IN",
    "Adenocarcinoma",
    "Serrated adenoma of the colon",
    "b",
    "well",
    "Normal",
    "Polyp",
]


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    rows = []
    for patient in range(12):
        grade = NAMES[patient % 3]
        for image in range(3):
            p = rng.dirichlet(np.where(np.arange(3) == patient % 3, 3.0, 1.0))
            rows.append((f"{patient}_{image}", str(patient), "test", 0.0, grade, NAMES[p.argmax()], *p))
    predictions = pd.DataFrame(rows, columns=prediction_columns(NAMES[:3]))
    return predictions, evaluate(predictions, None)


@pytest.fixture
def history():
    epoch = np.arange(5)
    return pd.DataFrame({"epoch": epoch, "train/accuracy": epoch / 5, "train/loss": 2.0 - epoch / 5})


def texts(figure):
    """Every text of a figure, of its axes and of their legends."""
    found = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    return " ".join(" ".join(found).split())


@pytest.mark.parametrize("k", telling(range(2, 9), fast=(0, 3, 6)))
def test_the_confusion_matrix_is_readable_at_any_size(k):
    counts = np.random.default_rng(k).integers(0, 5000, (k, k))
    figure = f.confusion_matrix(counts, NAMES[:k], title="Validation", note=NOTE)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,) = figure.axes
    renderer = canvas.get_renderer()
    boxes = [label.get_window_extent(renderer) for label in axes.get_xticklabels() if label.get_text()]
    assert len(boxes) == k
    for left, right in pairwise(boxes):
        assert left.x1 < right.x0  # no label runs into the next
    page = figure.bbox
    below = min(box.y0 for box in boxes)
    assert axes.xaxis.label.get_window_extent(renderer).y1 <= below + 1
    drawn = [
        *axes.texts,
        *axes.get_yticklabels(),
        *axes.get_xticklabels(),
        axes.xaxis.label,
        axes.yaxis.label,
    ]
    for artist in (*drawn, *figure.texts):
        box = artist.get_window_extent(renderer)
        assert box.x0 >= 0, artist
        assert box.y0 >= 0, artist
        assert box.x1 <= page.x1, artist
        assert box.y1 <= page.y1, artist
    title, note = (text.get_window_extent(renderer) for text in figure.texts)
    assert title.y0 >= note.y1 > note.y0 > axes.get_window_extent(renderer).y1


def test_the_confusion_matrix_shows_counts_and_shares_of_the_row():
    figure = f.confusion_matrix([[3, 1], [0, 1200]], ["a", "b"], title="Test images")
    cells = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert cells["3"][0] == 0
    assert cells["1"][0] == 1
    assert {"75 %", "25 %", "1,200", "100 %"} <= cells.keys()
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[0.75, 0.25], [0, 1]])


def test_an_absent_grade_has_no_shares():
    figure = f.confusion_matrix([[2, 0], [0, 0]], ["a", "b"], title="")
    assert [text.get_text() for text in figure.axes[0].texts] == ["2", "100 %", "0", "0 %", "0", "0"]


def test_every_figure_carries_title_and_note_in_the_warning_colour(scored, history):
    predictions, metrics = scored
    for figure in (
        f.confusion_matrix(metrics["image"]["confusion"], metrics["classes"], title="T1", note=NOTE),
        f.curves(history, title="T1", note=NOTE),
        f.class_bars(metrics, title="T1", note=NOTE),
        f.roc(predictions, metrics, title="T1", note=NOTE),
    ):
        assert NOTE in texts(figure)
        assert "T1" in texts(figure)
        note = next(text for text in figure.texts if text.get_text().startswith("LEAKING"))
        assert note.get_color() == WARNING


def test_curves_take_what_is_there(history):
    figure = f.curves(history, title="Training")
    accuracy, loss = figure.axes
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(), history["train/accuracy"])
    assert "validation" not in texts(figure)
    gaps = history.assign(**{"val/loss": [np.nan, 1.0, np.nan, 0.5, np.nan], "val/accuracy": np.nan})
    accuracy, loss = f.curves(gaps, title="Training").axes
    assert len(accuracy.lines) == 1
    np.testing.assert_allclose(loss.lines[1].get_xydata(), [[1, 1.0], [3, 0.5]])
    assert texts(f.curves(history[["epoch"]], title="")).count("not recorded") == 2


def test_bars_draw_values_and_intervals(scored):
    _, metrics = scored
    metrics = copy.deepcopy(metrics)
    recall = metrics["image"]["per_class"]["poor"]["recall"]
    recall |= {"low": recall["value"] / 2, "high": (1 + recall["value"]) / 2}  # of so few there is none
    image, _ = f.class_bars(metrics, title="").axes
    widths = [bar.get_width() for bar in image.patches]
    assert pytest.approx(recall["value"]) in widths
    spans = [line.get_xdata() for line in image.lines if len(line.get_xdata()) == 2]
    assert any(np.allclose(span, (recall["low"], recall["high"])) for span in spans)


def test_undefined_scores_are_said_not_drawn(scored):
    predictions, _ = scored
    two = predictions[predictions["grade"] != "poor"]
    metrics = evaluate(two, None)
    bars = f.class_bars(metrics, title="")
    assert "undefined" in texts(bars)
    assert bars.axes[0].get_ylim() == (2.5, -0.5)  # the words of the worst grade are not over the edge
    assert "poor: undefined" in texts(f.roc(two, metrics, title=""))


@pytest.mark.parametrize("folds", [1, 3])
def test_roc_prints_the_area_that_its_curve_has(scored, folds):
    predictions, metrics = scored
    if folds > 1:  # the mean of the folds' curves has the mean of their areas
        number = pd.factorize(predictions["patient"], sort=True)[0] % folds
        predictions = predictions.assign(fold=number)
        metrics = evaluate(predictions, None, resamples=20)
    figure = f.roc(predictions, metrics, title="")
    for axes, level in zip(figure.axes, ("image", "patient"), strict=True):
        for line, grade in zip(axes.lines[1:], metrics["classes"], strict=True):
            area = metrics[level]["per_class"][grade]["auroc"]["value"]
            assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(area)
            assert f"{area:.3f}" in line.get_label()


def test_reliability_shows_every_filled_bin(scored):
    metrics = scored[1]
    drawn = f.reliability(metrics, title="Reliability")
    for axes, level in zip(drawn.axes[:2], ("image", "patient"), strict=True):
        bins = [one for one in metrics[level]["reliability"] if one["n"]]
        points = axes.collections[0].get_offsets()
        assert points.tolist() == [[one["confidence"], one["accuracy"]] for one in bins]
    assert f"calibration error {metrics['patient']['ece']['value']:.3f}" in texts(drawn)


def test_titles_say_synthetic_and_notes_say_leaking(scored, history):
    predictions, metrics = scored
    leaking = metrics | {"leakage": {"leaking": True, "sentence": "3 of 4 test images share a patient."}}
    drawn = f.plot_run(predictions, leaking, history, synthetic=True)
    assert sorted(drawn) == [
        "class_bars",
        "confusion_image",
        "confusion_patient",
        "curves",
        "reliability",
        "roc",
    ]
    for name, figure in drawn.items():
        assert "synthetic cohort" in texts(figure), name
        assert "LEAKING: 3 of 4" in texts(figure), name
    drawn = f.plot_run(predictions, metrics)
    assert sorted(drawn) == ["class_bars", "confusion_image", "confusion_patient", "reliability", "roc"]
    for name, figure in drawn.items():
        assert "synthetic" not in texts(figure), name
        assert "LEAKING" not in texts(figure), name


def test_a_single_epoch_has_whole_numbers_on_its_axis():
    history = pd.DataFrame({"epoch": [0], "train/accuracy": [0.4], "train/loss": [1.1]})
    for axes in f.curves(history, title="").axes:
        assert all(tick == round(tick) for tick in axes.get_xticks())
