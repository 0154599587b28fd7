"""Effect of leakage, with its interval."""

from pathlib import Path

import numpy as np
import pytest

from livergrade.multirun.grouping import arms
from livergrade.multirun.leakage_gap import LeakageGap, leakage_gap
from livergrade.multirun.measures import measure
from livergrade.runs.find import find_runs
from tests.conftest import finished_run


def gaps_in(folder: Path) -> list[LeakageGap]:
    """The gaps of the runs in a folder."""
    found, _ = arms(find_runs([folder])[0])
    measured = [measure(arm, resamples=50, permutations=100, seed=0)["models"] for arm in found]
    return leakage_gap(found, measured)


def test_arms_are_apart_and_the_gap_is_theirs(tmp_path: Path) -> None:
    finished_run(tmp_path / "fair", "senet", skill=0.1)
    finished_run(tmp_path / "leaky", "senet", kind="image", skill=5)
    found, _ = arms(find_runs([tmp_path])[0])
    assert [arm.kind for arm in found] == ["patient", "image"]
    measured = [measure(arm, resamples=50, permutations=100, seed=0) for arm in found]
    assert measured[0]["leakage"]["leaking"] is False
    assert measured[1]["leakage"]["leaking"] is True
    gaps = leakage_gap(found, [each["models"] for each in measured])
    assert [row["level"] for row in gaps] == ["view", "image", "patient"]
    assert all(row["gap"] == pytest.approx(row["by_image"] - row["by_patient"]) for row in gaps)
    assert gaps[1]["by_image"] == 1
    assert leakage_gap(found[:1], [measured[0]["models"]]) == []
    assert [row["seeds"] for row in gaps] == [["0"]] * 3


def test_seeds_are_pairs_and_the_gap_has_an_interval(tmp_path: Path) -> None:
    for seed in range(2):
        finished_run(tmp_path / f"fair{seed}", "senet", seed=seed, skill=0.2, patients=60)
        finished_run(tmp_path / f"leaky{seed}", "senet", kind="image", seed=seed, skill=0.8, patients=60)
    finished_run(tmp_path / "alone", "senet", kind="image", seed=9, skill=9, patients=60)
    found, _ = arms(find_runs([tmp_path])[0])
    accuracy = {
        arm.kind: [
            runs[0].metrics["image"]["accuracy"]["value"]
            for seed, runs in arm.models["senet"].items()
            if seed != "9"
        ]
        for arm in found
    }
    row = next(row for row in gaps_in(tmp_path) if row["level"] == "image")
    assert row["seeds"] == ["0", "1"]
    paired = np.subtract(accuracy["image"], accuracy["patient"])
    assert row["gap"] == pytest.approx(paired.mean())
    assert row["low"] < row["gap"] < row["high"]
    assert row["high"] - row["low"] >= 2 * 1.96 * paired.std(ddof=1) / 2**0.5  # not less than the seeds say
    assert row["method"].endswith("patients and trainings")


def test_without_a_common_seed_there_is_no_interval(tmp_path: Path) -> None:
    finished_run(tmp_path / "fair", "senet", seed=0)
    finished_run(tmp_path / "leaky", "senet", kind="image", seed=1)
    rows = gaps_in(tmp_path)
    assert {(row["low"], row["reason"]) for row in rows} == {(None, "no seed was trained with both splits")}
    assert all(row["gap"] == row["by_image"] - row["by_patient"] for row in rows)
