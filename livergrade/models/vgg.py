"""VGG16, without batch norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CONFIGURATION_D = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Number of channels and of convolutions of each stage."""
HIDDEN = 4096
"""Number of features of each of the two hidden layers behind the convolutions."""
GRID = 7
"""Rows and columns of features that the hidden layers take."""


class VGG(nn.Module):
    """VGG16, with torchvision's layer names.

    Args:
        num_classes: number of outputs.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for planes, convolutions in CONFIGURATION_D:
            for _ in range(convolutions):
                layers += [nn.Conv2d(channels, planes, 3, padding=1), nn.ReLU(inplace=True)]
                channels = planes
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(GRID)
        hidden = [
            *(nn.Linear(512 * GRID * GRID, HIDDEN), nn.ReLU(inplace=True), nn.Dropout()),
            *(nn.Linear(HIDDEN, HIDDEN), nn.ReLU(inplace=True), nn.Dropout()),
        ]
        head = nn.Linear(HIDDEN, num_classes)
        self.classifier = nn.Sequential(*hidden, head)

    def forward(self, x: Tensor) -> Tensor:
        """``float [B, 3, H, W]`` → logits ``float [B, num_classes]``."""
        features = self.features(x)
        if torch.are_deterministic_algorithms_enabled():  # the pooling's gradient has no such kernel on a GPU
            features = pooled_by_products(features)
        else:
            features = self.avgpool(features)
        logits: Tensor = self.classifier(torch.flatten(features, 1))
        return logits


def pooled_by_products(features: Tensor) -> Tensor:
    """Average ``float [B, C, H, W]`` over a grid of :data:`GRID` as ``nn.AdaptiveAvgPool2d`` does.

    The mean over a rectangle is a mean over its rows of means over its columns: two products of matrices.
    """
    rows, columns = (cell_means(side).to(features) for side in features.shape[-2:])
    return rows @ features @ columns.mT


def cell_means(side: int) -> Tensor:
    """Return weights ``float [GRID, side]`` whose products with a line are the means of its cells."""
    cells = torch.arange(GRID)
    first, beyond = cells * side // GRID, -(-(cells + 1) * side // GRID)
    place = torch.arange(side)
    inside = (place >= first[:, None]) & (place < beyond[:, None])
    return inside / inside.sum(1, keepdim=True)


def vgg16(num_classes: int) -> VGG:
    """VGG16 (arXiv:1409.1556, configuration D): no batch norm, two dropouts of 0.5.

    It has no normalisation layers, so gradient flow depends on the initialisation. Torchvision uses He
    initialisation with fan-out for the convolutions, which shrinks the activations 4.6-fold in the first
    layer and by √2 at each doubling of channels; the loss then stays at chance under SGD with a learning
    rate of 0.001. Here every layer but the head uses He initialisation with fan-in (arXiv:1502.01852,
    eq. 10), which keeps the scale of the activations from image to head: the same SGD then learns. The head
    starts from N(0, 0.01²), as in torchvision, and all biases from zero. With AdamW, start with a learning
    rate of 1e-4.

    Args:
        num_classes: Number of outputs.

    Returns:
        A network of float images ``[B, 3, H, W]`` into logits ``[B, num_classes]``, parameters named as in
        torchvision.
    """
    net = VGG(num_classes)
    for name, parameter in net.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(parameter, mode="fan_in", nonlinearity="relu")
        else:
            nn.init.zeros_(parameter)
    nn.init.normal_(net.get_parameter("classifier.6.weight"), std=0.01)
    return net
