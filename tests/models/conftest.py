"""The five networks at three grades, each built once for all tests that leave it as it is.

VGG16 has its 4,096 hidden features along with the slow tests, and 256 with the fast.
"""

import functools
from collections.abc import Callable

import pytest
import torch
from torch import nn

from livergrade.models import vgg
from livergrade.models.build import build
from tests.conftest import with_slow


@functools.cache
def _network(name: str) -> nn.Module:
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vgg, "HIDDEN", vgg.HIDDEN if with_slow() else 256)
        return build(name, 3)


@pytest.fixture
def network() -> Callable[[str], nn.Module]:
    """Network by name, in evaluation mode; its weights must not be changed."""
    return lambda name: _network(name).eval()
