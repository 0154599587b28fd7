"""Figures as a reader sees them."""

import pandas as pd
import pytest

from livergrade.evaluation.summary import evaluate
from livergrade.evaluation.uncertainty import fit_calibration, uncertainty_metrics
from livergrade.reports.format import format_estimate, table
from tests.evaluation.simulated import predict


def test_the_table_is_readable_at_80_columns():
    classes = ("Low-grade IN", "b", "Adenocarcinoma of the colon")
    found = evaluate(predict([0] * 5 + [1] * 5 + [2] * 5, classes=classes), None)
    text = table(found)
    assert max(map(len, text.splitlines())) <= 80
    row = next(line for line in text.splitlines() if line.startswith("Low-grade IN"))
    image, patient = (
        found["image"]["per_class"]["Low-grade IN"],
        found["patient"]["per_class"]["Low-grade IN"],
    )
    shown = [
        f"{100 * c[name]['value']:.1f}" for c in (image, patient) for name in ("precision", "recall", "f1")
    ]
    assert row.split()[2:] == [*shown[:3], "20", *shown[3:], "5"]
    accuracy = found["patient"]["accuracy"]
    assert f"{100 * accuracy['value']:.1f} %  (95 % CI {100 * accuracy['low']:.1f}–" in text
    assert "LEAKING" not in text


def test_the_table_says_when_the_split_leaks():
    views = predict([0, 0, 1, 1, 2, 2])
    split = views.drop_duplicates("image")[["image", "patient", "grade", "split"]]
    sibling = split.iloc[[0]].assign(image="other.png", split="train")
    text = table(evaluate(views, pd.concat([split, sibling])))
    assert "LEAKING: 4 of 24 test images share a patient" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_table_says_when_the_cohort_was_recalibrated():
    views = predict([0, 0, 1, 1, 2, 2])
    found = evaluate(views, None) | uncertainty_metrics(views, fit_calibration(views), recalibrate=True)
    text = table(found)
    after = found["calibration"]["test"]["image"]["log_loss"]["after"]["value"]
    line = " ".join(text.split())
    assert (
        f"Recalibrated on these 6 patients, each by all others: log-loss by image {after:.3f}, before" in line
    )
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("found", "share", "text"),
    [
        ({"value": 0.8, "low": 0.5481, "high": 0.93}, True, "80.0 (54.8–93.0)"),
        ({"value": -0.05, "low": -0.2, "high": 0.1}, True, "−5.0 (−20.0 to 10.0)"),
        ({"value": -0.0002, "low": -0.0004, "high": 0.0003}, True, "0.0 (0.0–0.0)"),
        ({"value": -0.0, "low": -0.0004, "high": 0.0004}, False, "0.000 (0.000–0.000)"),
        ({"value": 0.7811, "low": None, "high": None, "sd": 0.032}, True, "78.1 (sd 3.2)"),
        ({"value": 0.7811, "low": 0.69, "high": 0.872, "sd": 0.032}, True, "78.1 (69.0–87.2; sd 3.2)"),
        ({"value": 0.5, "low": None, "high": None}, False, "0.500"),
        ({"value": None, "low": None, "high": None}, False, "n/a"),
    ],
)
def test_how_a_figure_is_written(found: dict, share: bool, text: str) -> None:
    assert format_estimate(found, "share" if share else "score") == text
