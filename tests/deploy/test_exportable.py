"""The network as it is exported sees the views that it was trained on."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from livergrade.data.augment import ViewParams, make_views
from livergrade.data.cache import cached_size
from livergrade.deploy.exportable import ExportableModel
from livergrade.models.architecture import IMAGENET


class Shown(nn.Module):
    """Keeps what it is shown and grades by the mean of each channel."""

    views: Tensor

    def forward(self, views: Tensor) -> Tensor:
        self.views = views
        return views.mean((2, 3))


@pytest.mark.parametrize("border", ["black", "reflect", "crop"])
@torch.no_grad()
def test_the_network_is_shown_the_views_that_it_was_trained_on(border: str) -> None:
    size, degrees = cached_size(32, border), [0, 10, 90, 200]
    squares = torch.randint(0, 256, (2, size // 4, size // 4, 3), dtype=torch.uint8)
    squares = squares.repeat_interleave(4, 1).repeat_interleave(4, 2)
    size = squares.shape[1]  # squares of that size come through as they are
    net = Shown()
    options = {"border": border, "normalisation": IMAGENET}
    graded = ExportableModel(net, size=size, image_size=32, degrees=degrees, temperature=2.0, **options)
    mean, per_view = graded(squares)
    for place, angle in enumerate(degrees):
        drawn = replace(ViewParams.upright(2), degrees=torch.tensor([float(angle)] * 2))
        expected = make_views(squares, drawn, size=32, **options)
        torch.testing.assert_close(net.views.unflatten(0, (2, 4))[:, place], expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(
            per_view[:, place], (expected.mean((2, 3)) / 2).softmax(1), atol=1e-6, rtol=0
        )
    torch.testing.assert_close(mean, per_view.mean(1))
