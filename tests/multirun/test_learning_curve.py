"""The learning curve of a model: its points, the last step, and what it says."""

from pathlib import Path

import pytest

from livergrade.evaluation.estimate import Estimate
from livergrade.multirun.conclusions import conclusions
from livergrade.multirun.grouping import arms
from livergrade.multirun.learning_curve import LearningCurve, would_more_help
from livergrade.multirun.measures import ArmMeasures, measure
from livergrade.runs.find import find_runs
from tests.conftest import as_own, finished_run


def several_sizes(folder: Path, seeds: int = 1) -> ArmMeasures:
    """A model that is better with all its patients than with 6, measured."""
    for seed in range(seeds):
        for size, skill in ((6, 0.1), (None, 1.5)):
            options = {"split.train_patients": size} if size else {}
            name, repeat = folder / f"{size}_{seed}", {"seed": seed, "split_seed": 0, "skill": skill}
            run = finished_run(name, "senet", patients=90, options=options, **repeat)
            if size:  # as training leaves it
                kept = (run / "split.csv").read_text().splitlines()
                train = [row for row in kept if ",train," in row]
                unused = {row: row.replace(",train,", ",unused,") for row in train[2 * size :]}
                (run / "split.csv").write_text("\n".join(unused.get(row, row) for row in kept) + "\n")
                as_own(run)
    return measure(arms(find_runs([folder])[0])[0][0], resamples=20, permutations=100, seed=0)


def test_points_last_step_and_sentence(tmp_path: Path) -> None:
    measured = several_sizes(tmp_path)
    curve = measured["learning_curves"]["senet"]
    assert [point["trainings"] for point in curve["points"]] == [1, 1]
    fewer, most = curve["points"]
    assert fewer["patients"] == 6
    assert most["patients"] > 60
    for level in ("image", "patient"):
        change = most[level]["accuracy"]["value"] - fewer[level]["accuracy"]["value"]
        assert curve["last_step"][level]["value"] == pytest.approx(change)
    assert list(measured["models"]) == ["senet"]
    assert measured["pairs"] == []
    told = conclusions(measured, "patient")[-1]
    assert told.startswith("senet: From 6 to ")
    assert "more patients would probably help" in told
    assert "single trainings" in told


def test_several_seeds_are_one_point(tmp_path: Path) -> None:
    measured = several_sizes(tmp_path, seeds=2)
    points = measured["learning_curves"]["senet"]["points"]
    assert [point["trainings"] for point in points] == [2, 2]
    assert len(points[0]["patient"]["accuracy"]["values"]) == 2
    assert "single trainings" not in conclusions(measured, "patient")[-1]


def estimate(value: float, low: float | None, high: float | None) -> Estimate:
    return {"value": value, "low": low, "high": high, "n": 30}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (estimate(0.2, 0.1, 0.3), "would probably help"),
        (estimate(-0.2, -0.3, -0.1), "did not profit from the further patients"),
        (estimate(0.1, -0.1, 0.3), "does not show whether more"),
        (estimate(0.1, None, None), "the change has no interval"),
    ],
)
def test_no_more_is_claimed_than_the_interval_allows(change: Estimate, told: str) -> None:
    levels = {"accuracy": estimate(0.6, 0.5, 0.7), "log_loss": estimate(0.9, None, None)}
    point = {"trainings": 2, "image": levels, "patient": levels}
    curve: LearningCurve = {
        "points": [{"patients": 20.0, **point}, {"patients": 40.0, **point}],  # type: ignore[typeddict-item]
        "last_step": {"image": change, "patient": change},
    }
    text = would_more_help("senet", curve, "patient")
    assert text.startswith("senet: From 20 to 40 training patients the accuracy changed by ")
    assert "the log-loss from 0.900 to 0.900" in text
    assert told in text
    assert "nothing was compared" in would_more_help("senet", {**curve, "last_step": None}, "patient")
