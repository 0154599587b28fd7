"""VGG16, without batch norm."""

from __future__ import annotations

from torch import nn
from torchvision.models import VGG
from torchvision.models import vgg16 as torchvision_vgg16


def vgg16(num_classes: int) -> VGG:
    """Torchvision's VGG16 (arXiv:1409.1556, configuration D): no batch norm, two dropouts of 0.5.

    Nothing in it normalises, so how far gradients reach depends on how it starts. Torchvision starts the
    convolutions from He's variance over their outputs, which shrinks the image 4.6-fold in the first
    layer and by √2 at each doubling of channels; with it the loss stays at chance under SGD with steps of
    0.001. Here every layer but the head starts from He's variance over its inputs (arXiv:1502.01852,
    eq. 10), which keeps the scale of the activations from image to head: the same SGD then learns. The head
    starts from N(0, 0.01²), as in torchvision, and all biases from zero. With AdamW, start from a step of
    1e-4.

    Args:
        num_classes: Number of outputs.

    Returns:
        A network of float images ``[B, 3, H, W]`` into logits ``[B, num_classes]``, parameters named as in
        torchvision.
    """
    net = torchvision_vgg16(num_classes=num_classes, init_weights=False)
    for name, parameter in net.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(parameter, mode="fan_in", nonlinearity="relu")
        else:
            nn.init.zeros_(parameter)
    nn.init.normal_(net.classifier[-1].weight, std=0.01)
    return net
