"""VGG16, without batch norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CONFIGURATION_D = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Number of channels and of convolutions of each stage."""
HIDDEN = 4096
"""Number of features of each of the two hidden layers behind the convolutions."""


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
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        hidden = [
            *(nn.Linear(512 * 7 * 7, HIDDEN), nn.ReLU(inplace=True), nn.Dropout()),
            *(nn.Linear(HIDDEN, HIDDEN), nn.ReLU(inplace=True), nn.Dropout()),
        ]
        head = nn.Linear(HIDDEN, num_classes)
        self.classifier = nn.Sequential(*hidden, head)

    def forward(self, x: Tensor) -> Tensor:
        """``float [B, 3, H, W]`` → logits ``float [B, num_classes]``."""
        logits: Tensor = self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))
        return logits


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
