"""All pairs, all readers together, and each with their own later reading."""

from dataclasses import replace

import numpy as np
import pytest

from livergrade.reading.agreement import own_repeats, reader_pairs, together
from tests.reading.made import made, simulated


def test_each_pair_once_in_the_order_of_names() -> None:
    found = reader_pairs(made(simulated(), 3))
    assert [(one["first"], one["second"]) for one in found] == [("A", "B"), ("A", "C"), ("B", "C")]


def test_fleiss_takes_whole_images_and_alpha_all_with_two_readings() -> None:
    grades = simulated()
    grades[0, 0] = grades[1, 0] = grades[1, 1] = -1
    found = together(made(grades, 3))
    assert (found["images"], found["complete"]) == (59, 58)
    assert found["fleiss_kappa"]["low"] < found["fleiss_kappa"]["value"] < found["fleiss_kappa"]["high"]
    assert found["krippendorff_alpha"]["n"] == 59
    same = together(made(grades[2:], 2))["fleiss_kappa"]["value"]
    assert same == pytest.approx(found["fleiss_kappa"]["value"])


def test_one_reader_agrees_with_nobody() -> None:
    found = together(made(simulated(readers=1), 3))
    assert found["fleiss_kappa"]["reason"] == "there is one reader"
    assert found["krippendorff_alpha"]["reason"] == "no image has two readings"
    assert reader_pairs(made(simulated(readers=1), 3)) == []


def test_a_readers_own_repeats() -> None:
    ratings = replace(made(simulated(), 3), repeats=np.array([[0, 1, 2, 2], [4, 1, 2, 0], [4, 1, 2, 2]]))
    (found,) = own_repeats(ratings)
    assert (found["first"], found["second"], found["images"], found["patients"]) == ("B", "B, again", 3, 2)
    assert found["agreement"]["value"] == pytest.approx(2 / 3)
