"""The five networks at three grades, each built once for all tests that leave it as it is.

They have their own width along with the slow tests, and are narrow with the fast.
"""

import contextlib
import functools
from collections.abc import Callable

import pytest
import torch
from torch import nn

from livergrade.models.build import build
from tests.conftest import narrowed, with_slow


@functools.cache
def _network(name: str) -> nn.Module:
    torch.manual_seed(0)
    with contextlib.nullcontext() if with_slow() else narrowed():
        return build(name, 3)


@pytest.fixture
def network() -> Callable[[str], nn.Module]:
    """Network by name, in evaluation mode; its weights must not be changed."""
    return lambda name: _network(name).eval()
