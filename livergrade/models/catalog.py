"""The classifiers by name, with the options of each.

No torch is imported, so that options and reports can use the names.
"""

from __future__ import annotations

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]

IMAGENET: Normalisation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's channels, of images scaled to [0, 1]."""

NAMES: dict[str, str] = {
    "vgg16": "VGG16",
    "resnet50": "ResNet50",
    "cbam": "ResNet50_CBAM",
    "senet": "SENet",
    "sknet": "SKNet",
}
"""Each of the paper's models by its name on the command line, and the name it is printed under."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "vgg16": (),
    "resnet50": (),
    "cbam": ("reduction", "kernel_size"),
    "senet": ("reduction",),
    "sknet": ("reduction", "branches", "groups", "min_width"),
    "timm": ("backbone",),
}
"""All models, and the options that :func:`build` takes for each."""

MODELS: tuple[str, ...] = tuple(OPTIONS)


def label(name: str, backbone: str | None = None) -> str:
    """What to call a model in a heading or a folder: its name, or the backbone where timm builds it."""
    return backbone or name


HEADS: tuple[str, ...] = ("softmax", "corn")
"""What may make the logits: one output a grade, or :class:`livergrade.models.ordinal.Corn`."""
