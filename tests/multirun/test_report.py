"""The page of a comparison."""

from pathlib import Path
from typing import Any

import pytest

from livergrade.config.schema import CompareConfig
from livergrade.multirun.comparison import write_comparison_results
from livergrade.multirun.conclusions import conclusions
from tests.conftest import finished_run
from tests.multirun.test_conclusions import arm
from tests.reports.test_run_report import Page


def page(runs: Path, out: Path, **options: float) -> str:
    """Text of the page that compares the runs in a folder."""
    config = CompareConfig(runs=[str(runs)], resamples=100, permutations=100, **options)
    write_comparison_results(config, out, "compare")
    return Page((out / "report.html").read_text("utf-8")).text


def test_the_page_says_what_it_is_about_and_who_chose(tmp_path: Path, undrawn: None) -> None:
    for model in ("senet", "cbam"):
        for seed in range(2):
            finished_run(tmp_path / "runs" / f"{model}{seed}", model, seed=seed, split_seed=0, patients=60)
    text = page(tmp_path / "runs", tmp_path / "out", equivalence_margin=7.5)
    html = (tmp_path / "out/report.html").read_text("utf-8")
    assert (
        html.count('class="wide own"') == 1
    )  # the matrices of two models are not blown up to the page's width
    assert "2 trainings of each model were compared." in text
    assert "kept or dropped were chosen by test patients" in text
    assert "less than 7.5 points apart" in text
    assert "2 trainings each" in text
    assert "trainings were compared, one of each" not in text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (arm(0.8, 0.8), "a and b graded equally many patients correctly: 80.0 %."),
        (
            arm(0.6, 0.8, 0.8, trainings=(1, 1, 1)),
            "The trainings of b and c graded equally many patients correctly, and no other model more: ",
        ),
    ],
)
def test_a_tie_has_no_winner(given: dict[str, Any], told: str) -> None:
    assert conclusions(given, "patient")[1].startswith(told)
