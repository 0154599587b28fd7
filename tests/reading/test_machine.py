"""The network as one more reader."""

import numpy as np
import pytest

from livergrade.reading.machine import machine_reader
from tests.reading.made import made, simulated


def test_a_network_like_a_reader_is_inside_and_one_that_guesses_is_below() -> None:
    grades = simulated(readers=4)
    found = machine_reader(made(grades[:, :3], 3), grades[:, 3], "majority", 0.2)
    assert found["difference"]["low"] < 0 < found["difference"]["high"]
    assert [one["second"] for one in found["pairs"]] == ["A", "B", "C"]
    assert found["mean_with_readers"] == pytest.approx((grades[:, :3] == grades[:, 3:]).mean())
    guess = np.random.default_rng(1).integers(0, 3, len(grades))
    below = machine_reader(made(grades[:, :3], 3), guess, "majority", 0.2)
    assert below["inside"] == "below"
    assert below["difference"]["high"] < 0
    assert not below["alternative"]["passed"]


def test_all_is_compared_on_the_images_that_the_network_graded() -> None:
    grades = simulated(readers=3)
    network = grades[:, 0].copy()
    network[30:] = -1
    found = machine_reader(made(grades, 3), network, "majority", 0.2)
    assert (found["images"], found["patients"]) == (30, 10)
    assert {one["images"] for one in found["human"]} == {30}
    assert found["difference"]["low"] is None  # ten patients


def test_neither_of_the_two_is_part_of_the_consensus() -> None:
    grades = np.array([[0, 1, 2], [0, 0, 2], [1, 1, 1]] * 5)
    (first, *_) = machine_reader(made(grades), grades[:, 0], "majority", 0.2)["left_out"]
    assert first["reader"] == "A"
    assert first["of_reader"]["value"] == pytest.approx(2 / 3)  # B and C: 1 (the worse), 0, 1
    assert first["difference"]["value"] == 0


@pytest.mark.parametrize("rule", ["worst", "dawid_skene"])
def test_beside_a_consensus_that_was_not_simulated_values_stand_alone(rule: str) -> None:
    grades = simulated(readers=4)
    found = machine_reader(made(grades[:, :3], 3), grades[:, 3], rule, 0.2)
    for item in (found["with_consensus"]["kappa"], found["left_out"][0]["difference"]):
        assert item["value"] is not None
        assert item["low"] is None
        assert "was not simulated" in item["reason"]


def test_one_reader_has_no_band_and_two_no_test() -> None:
    grades = simulated(readers=3)
    found = machine_reader(made(grades[:, :1], 3), grades[:, 2], "majority", 0.2)
    assert found["inside"] is None
    assert "difference" not in found
    assert "alternative" not in machine_reader(made(grades[:, :2], 3), grades[:, 2], "majority", 0.2)
