"""What a file of lower precision may change, and what is told of it."""

import re
from dataclasses import replace

import pytest

from livergrade.config.schema import ExportConfig
from livergrade.deploy.precision import Precision

NEAR = Precision("int8", 50, "test images", 0.02, 0.01, 1, 1, 0, 4_000_000, 1_000_000, 0.9, 20)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"max_difference_of_means": 0.06}, "by up to 0.06, more than lower.difference=0.05"),
        ({"max_difference_of_means": float("nan")}, "by up to nan"),
        ({"grades_differ": 2}, "2 of 50 images have another grade or answer than with float32"),
        ({"answers_differ": 3}, "3 of 50 images .* more than lower.changed=0.02"),
    ],
)
def test_a_file_that_is_too_far_is_refused(change: dict, told: str) -> None:
    assert NEAR.problem(ExportConfig()) is None
    problem = replace(NEAR, **change).problem(ExportConfig())
    assert problem
    assert re.search(told, problem)


def test_where_nothing_is_gained_that_is_told() -> None:
    assert "1.0 MB instead of 4.0 MB, and not faster (0.90 times) on this CPU" in NEAR.sentence()
    assert "1.50 times as fast" in replace(NEAR, speed=1.5).sentence()
