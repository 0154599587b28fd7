"""Stored values are what is expected in their place, or it is told where they are not."""

import math
from typing import Any

import pytest
import torch

from livergrade.training.fitting import Fitting, UnfitError, kind

EXPECTED = {
    "steps": 0,
    "rate": 0.0,
    "done": False,
    "none": None,
    "name": "a",
    "betas": (0.9, 0.999),
    "list": [0],
}
STORED = {"steps": 3, "rate": 0.5, "done": True, "none": None, "name": "b", "betas": (0.8, 0.9), "list": [7]}


def test_what_fits_is_as_it_was_and_what_nobody_expects_is_left_out() -> None:
    assert Fitting()({**STORED, "step": "evil", 3: 4}, EXPECTED, "loops") == STORED
    flags = {"steps": 3, "rate": 1, "name": "b", "betas": [0.8, 0.9], "list": (7,)}
    assert Fitting()(flags, EXPECTED, "loops") == {**STORED, "rate": 1, "done": False}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("steps", True, "is True"),
        ("steps", -1, "is -1"),
        ("steps", 10**30, "more than 18 digits"),
        ("steps", 1.0, r"is 1\.0"),
        ("rate", math.nan, "is nan"),
        ("rate", math.inf, "is inf"),
        ("rate", "x" * 9000, "…"),
        ("done", 1, "is 1"),
        ("none", False, "is False"),
        ("name", b"b", "a bytes"),
        ("betas", (0.9,), "a tuple of 1, not 2 values"),
        ("list", torch.ones(1), r"a tensor of shape \[1\]"),
        ("list", [[]], "is a list of 0"),
        ("list", {}, "a dict"),
    ],
)
def test_what_does_not_fit_is_told(key: str, value: Any, told: str) -> None:
    with pytest.raises(UnfitError, match=rf"^loops\.{key}.* ?{told}"):
        Fitting()({**STORED, key: value}, EXPECTED, "loops")
    with pytest.raises(UnfitError, match="loops is"):
        Fitting()(value if not isinstance(value, dict) else [], EXPECTED, "loops")


def test_a_missing_number_is_told() -> None:
    with pytest.raises(UnfitError, match="loops lacks steps"):
        Fitting()({}, EXPECTED, "loops")


@pytest.mark.parametrize(
    "stored",
    [
        torch.ones(2, 4),
        torch.ones(2, 3, dtype=torch.int64),
        torch.ones(2, 3, dtype=torch.complex64),
        torch.tensor([[1, 2, torch.nan]] * 2),
        [[1.0] * 3] * 2,
    ],
)
def test_tensors_have_a_shape_and_finite_numbers(stored: object) -> None:
    with pytest.raises(UnfitError, match=r"weight (is|holds) "):
        Fitting()(stored, torch.zeros(2, 3), "weight")
    assert "tensor" in kind(torch.ones(1))


def test_tensors_that_share_memory_are_copied() -> None:
    fitting, one = Fitting(), torch.ones(2, 3)
    assert fitting(one, torch.zeros(2, 3), "a") is one
    same = fitting(one, torch.zeros(2, 3), "b")
    repeated = fitting(torch.ones(6)[:3].expand(2, 3), torch.zeros(2, 3), "c")
    for copy in (same, repeated):
        copy += 1
        assert copy.eq(2).all()
    assert one.eq(1).all()
    channels_last = torch.ones(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    assert fitting(channels_last, torch.zeros(2, 3, 4, 4), "d") is channels_last
