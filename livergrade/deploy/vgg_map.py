"""VGG16's class-activation map with tensor operations only, for export.

Behind its last convolutions are a maximum over places, an average, and three linear layers. The gradient of a
grade's logit is therefore a product of their weights, of those units alone that are not zero for the image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livergrade.models.vgg import GRID, VGG, cell_means


def has_vgg_map(net: nn.Module) -> bool:
    """Whether `vgg_map` can compute the maps of a network: a VGG16 with a linear head."""
    return isinstance(net, VGG) and isinstance(net.classifier[-1], nn.Linear)


def vgg_map(net: VGG, features: Tensor) -> Tensor:
    """HiResCAM of every grade, as :func:`livergrade.explanations.maps.class_activation` computes it.

    Args:
        net: the network.
        features: of its last convolution, after the ReLU, ``float32 [B, 512, h, w]``.

    Returns:
        ``float32 [B, classes, h, w]``; positive is evidence for the grade.
    """
    images, channels, height, width = features.shape
    down, across = height // 2, width // 2
    windows = features[:, :, : 2 * down, : 2 * across].reshape(images, channels, down, 2, across, 2)
    windows = windows.transpose(3, 4).flatten(4)
    largest = windows.argmax(4, keepdim=True) == torch.arange(4)  # [B, 512, h / 2, w / 2, 4]
    pooled = F.max_pool2d(features, 2)
    worth = _gradients(net, pooled) * pooled.unsqueeze(1)
    maps = torch.einsum("bkchw,bchwn->bkhwn", worth, largest.float())
    maps = maps.reshape(images, -1, down, across, 2, 2).transpose(3, 4)
    maps = maps.reshape(images, -1, 2 * down, 2 * across)
    return F.pad(maps, (0, width % 2, 0, height % 2))


def _gradients(net: VGG, pooled: Tensor) -> Tensor:
    """Of each grade's logit minus the mean of all, ``float32 [B, classes, 512, h, w]``."""
    first, second, head = (layer for layer in net.classifier if isinstance(layer, nn.Linear))
    hidden = first(net.avgpool(pooled).flatten(1))
    deeper = second(hidden.relu())
    weights = head.weight - head.weight.mean(0)
    for values, layer in ((deeper, second), (hidden, first)):
        weights = (weights * (values > 0).unsqueeze(1)) @ layer.weight  # [B, classes, features]
    channels = pooled.shape[1]
    down, across = (cell_means(side) for side in pooled.shape[2:])
    gradients: Tensor = down.mT @ weights.reshape(*weights.shape[:2], channels, GRID, GRID) @ across
    return gradients
