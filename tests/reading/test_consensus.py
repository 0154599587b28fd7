"""One grade of several."""

import numpy as np
import pytest

from livergrade.reading.consensus import RULES, consensus, others_consensus
from tests.reading.made import made

GRADES = np.array([[0, 2, 2], [2, 0, 1], [1, 1, -1], [-1, -1, -1]])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("majority", [2, 0, 1, -1]), ("worst", [0, 0, 1, -1]), ("adjudicated", [1, -1, 1, -1])],
)
def test_each_rule(rule: str, expected: list[int]) -> None:
    settled = np.array([1, -1, -1, -1])
    assert consensus(GRADES, 3, rule, settled).tolist() == expected


def test_dawid_and_skene_leave_what_nobody_read() -> None:
    found = consensus(GRADES, 3, "dawid_skene")
    assert found[3] == -1
    assert set(RULES) == {"majority", "worst", "adjudicated", "dawid_skene"}


def test_a_reader_is_left_out_of_the_others_and_so_is_adjudication() -> None:
    ratings = made(GRADES, adjudicated=[1, 1, 1, 1])
    assert others_consensus(ratings, 2, "majority").tolist() == [0, 0, 1, -1]
    assert others_consensus(ratings, 2, "adjudicated").tolist() == [0, 0, 1, -1]
    assert others_consensus(ratings, 0, "worst").tolist() == [2, 0, 1, -1]
