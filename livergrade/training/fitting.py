"""Fit stored values to those that are expected in their place: types, lengths, keys, shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from livergrade.io.visible import shown

MOST_COUNT = 2**53
"""No run takes more steps; beyond, a number of steps is not exact as a float."""


class UnfitError(Exception):
    """Where a stored value is not what is expected, and what it is."""


class Fitting:
    """Fits stored values to expected ones; keys that are not expected are left out.

    Tensors that share their memory with another, or with themselves, are copied: training changes them in
    place.
    """

    def __init__(self) -> None:
        self.memory: set[int] = set()

    def __call__(self, stored: object, expected: Any, where: str) -> Any:  # noqa: ANN401 - any plain value
        """The stored value.

        Raises:
            UnfitError: its type, its size or a number in it is not what is expected.
        """
        if isinstance(expected, Tensor):
            return self.tensor(stored, expected, where)
        if isinstance(expected, dict):
            if not isinstance(stored, Mapping):
                raise UnfitError(f"{where} is {kind(stored)}")
            flags = {key for key, value in expected.items() if value is None or isinstance(value, bool)}
            if missing := [key for key in expected if key not in stored and key not in flags]:
                raise UnfitError(f"{where} lacks {shown(str(missing[0]), 60)}")
            return {
                key: self(stored.get(key, value), value, f"{where}.{key}") for key, value in expected.items()
            }
        if isinstance(expected, list | tuple):
            if not isinstance(stored, list | tuple) or len(stored) != len(expected):
                raise UnfitError(f"{where} is {kind(stored)}, not {len(expected)} values")
            parts = zip(stored, expected, strict=True)
            return type(expected)(self(one, other, f"{where}[{n}]") for n, (one, other) in enumerate(parts))
        wanted = (int, float) if isinstance(expected, float) else (type(expected),)
        beyond = isinstance(stored, int | float) and not 0 <= stored <= MOST_COUNT  # NaN, too
        if type(stored) not in wanted or beyond:
            raise UnfitError(f"{where} is {kind(stored)}")
        return stored

    def tensor(self, stored: object, expected: Tensor, where: str, *, finite: bool = True) -> Tensor:
        """The stored tensor, of the shape and kind of numbers of another, and ``finite``."""
        if not isinstance(stored, Tensor) or stored.shape != expected.shape:
            raise UnfitError(f"{where} is {kind(stored)}, not of shape {list(expected.shape)}")
        numbers = (stored, expected)
        if not all(one.is_floating_point() for one in numbers) and stored.dtype != expected.dtype:
            raise UnfitError(f"{where} is of another kind of numbers, {stored.dtype}")
        if finite and not stored.isfinite().all():
            raise UnfitError(f"{where} holds values that are not finite numbers")
        stored = stored.detach() if stored.requires_grad else stored
        memory = stored.untyped_storage()
        dense = stored.is_contiguous() or (
            stored.dim() == 4 and stored.is_contiguous(memory_format=torch.channels_last)
        )
        alone = memory.nbytes() == stored.nbytes and memory.data_ptr() not in self.memory
        self.memory.add(memory.data_ptr())
        return stored if dense and alone else stored.contiguous().clone()


def kind(stored: object) -> str:
    """What a stored value is, for a message."""
    if isinstance(stored, Tensor):
        return f"a tensor of shape {list(stored.shape)}"
    if isinstance(stored, int) and abs(stored) > 10**18:
        return "a number of more than 18 digits"
    if isinstance(stored, int | float | str | None):
        return shown(repr(stored), 60)
    return f"a {type(stored).__name__}" + (f" of {len(stored)}" if isinstance(stored, list | tuple) else "")
