"""Arguments of a call from Python: of another type than they must be, they are refused in one line."""

from pathlib import Path

import numpy as np
import pytest

from livergrade.cli.arguments import require_type
from livergrade.errors import UserError


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "run=None: must be a folder"),
        (True, "run=True: must be a folder"),
        (np.float64(2.5), "run=2.5: must be a folder"),
        (np.zeros(3), "run: is of type ndarray; must be a folder"),
        ({}, "run: is of type dict; must be a folder"),
        ("", "run: is empty; must be a folder"),
    ],
)
def test_another_type_is_named_with_what_it_must_be(value: object, told: str) -> None:
    with pytest.raises(UserError) as raised:
        require_type("run", value, (str, Path), "a folder")
    assert str(raised.value) == told


def test_the_right_types_pass_and_a_truth_value_is_no_number() -> None:
    require_type("run", "a", (str, Path), "a folder")
    require_type("progress", False, bool, "True or False")
    with pytest.raises(UserError, match="progress='no': must be True or False"):
        require_type("progress", "no", bool, "True or False")
    require_type("classes", 3, int, "a number")
    with pytest.raises(UserError, match="classes=True: must be a number"):
        require_type("classes", True, int, "a number")
