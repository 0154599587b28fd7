"""The full pipeline in one module: preprocessing, views, network, temperature, and distance from training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from livergrade.deploy.activation_map import activation_map, captured, channel_weights
from livergrade.deploy.distance import TrainingDistance
from livergrade.deploy.resize import center_crop
from livergrade.deploy.turned_views import TurnedViews, places_in_steps
from livergrade.evaluation.ood import Reference
from livergrade.models.architecture import Normalisation

if TYPE_CHECKING:
    from livergrade.inference.grader import Grader


class ExportableModel(nn.Module):
    """Whole images to calibrated probabilities, with tensor operations only, for export.

    Args:
        net: the network, ``float [B, 3, image_size, image_size]`` to logits ``[B, classes]``.
        size: side of the center crop from which views are made, in pixels.
        image_size: side of the views, in pixels.
        border: as ``augment.border``.
        degrees: angles of the views, anticlockwise.
        normalisation: mean and standard deviation of the channels, for images scaled to [0, 1].
        temperature: divisor of the logits (temperature scaling, Guo et al., ICML 2017); 1: no scaling.
        reference: appearance of the training images; None: no distance to them is computed.
        map_weights: from `livergrade.deploy.activation_map.channel_weights`; empty: no maps are computed.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        net: nn.Module,
        *,
        size: int,
        image_size: int,
        border: str,
        degrees: Sequence[float],
        normalisation: Normalisation,
        temperature: float,
        reference: Reference | None = None,
        map_weights: Sequence[Tensor | None] = (),
    ) -> None:
        super().__init__()
        self.net, self.size, self.temperature = net, size, temperature
        self.turned = TurnedViews(
            degrees, source=size, size=image_size, border=border, in_steps=places_in_steps()
        )
        for name, values in zip(("mean", "deviation"), normalisation, strict=True):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1) * 255)
        self.distance = TrainingDistance(reference) if reference else None
        self.maps = len(map_weights)
        for place, weight in enumerate(map_weights):
            self.register_buffer(f"map_weight_{place}", weight)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Grade images of the same size.

        Args:
            images: ``uint8 [B, height, width, 3]``, RGB.

        Returns:
            Mean probabilities over the views, ``float32 [B, classes]``; the probabilities of each view,
            ``float32 [B, views, classes]``; with a reference the distance from the training images,
            ``float64 [B]``; and with weights of maps those of the first view, ``float32 [B, classes, h, w]``.
        """
        crops = center_crop(images, self.size)
        per_view, maps = self._mapped(crops) if self.maps else (self.grade(crops), ())
        distance = (self.distance(crops),) if self.distance else ()
        return (per_view.mean(1), per_view, *distance, *maps)

    def _mapped(self, crops: Tensor) -> tuple[Tensor, tuple[Tensor]]:
        """Probabilities of each view, and the maps of the first."""
        with captured(self.net) as features:
            per_view = self.grade(crops)
        views = self.turned.count
        first = [one.reshape(crops.shape[0], views, *one.shape[1:])[:, 0] for one in features]
        weights = [getattr(self, f"map_weight_{place}") for place in range(self.maps)]
        return per_view, (activation_map(self.net, first, weights),)

    def grade(self, crops: Tensor) -> Tensor:
        """Grade center crops.

        Args:
            crops: integer pixel values from 0 to 255, ``float32 [B, 3, size, size]``.

        Returns:
            Calibrated probabilities of each view, ``float32 [B, views, classes]``.
        """
        inputs = (self.turned(crops) - self.mean) / self.deviation
        logits = self.net(inputs).float().unflatten(0, (crops.shape[0], self.turned.count))
        per_view: Tensor = (logits / self.temperature).softmax(2)
        return per_view


def exportable(grader: Grader, *, maps: bool = False, weighted_only: bool = False) -> ExportableModel:
    """Return a module with all steps that a grader applies to an image.

    Args:
        grader: the network.
        maps: whether class-activation maps are computed, too, where that takes no gradients.
        weighted_only: whether VGG16 gets none.
    """
    return ExportableModel(
        grader.net,
        size=grader.size,
        image_size=grader.image_size,
        border=grader.border,
        degrees=grader.degrees,
        normalisation=grader.normalisation,
        temperature=grader.temperature or 1.0,
        reference=grader.appearance,
        map_weights=channel_weights(grader, weighted_only=weighted_only) if maps else (),
    ).eval()
