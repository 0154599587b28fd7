"""Convert state dicts of reference implementations to our tensor names.

A reference is recognised by a tensor name that only it has. The plain networks need no conversion:
torchvision's VGG16 and ResNet-50 and timm's ResNet-50 use the same names as ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from livergrade.errors import UserError


@dataclass(frozen=True)
class KeyMap:
    """Conversion of the state dict of one implementation to ours.

    Fully connected layers stored as convolutions, ``[out, in, h, w]``, are flattened.

    Attributes:
        reference: Name of the implementation.
        model: Our model with the same architecture.
        sign: Pattern of a tensor name that identifies the implementation.
        renames: Patterns and their replacements, applied to every name.
        biases: Pattern of our bias names that the implementation may not have at all; they are set to zero.
        swapped: Pattern of our names whose two input channels are in the opposite order in the file.
    """

    reference: str
    model: str
    sign: str
    renames: dict[str, str]
    biases: str | None = None
    swapped: str | None = None


KEY_MAPS = (
    KeyMap(
        "timm's vgg16",
        "vgg16",
        r"^pre_logits\.fc1\.",
        {
            r"^pre_logits\.fc1\.": "classifier.0.",
            r"^pre_logits\.fc2\.": "classifier.3.",
            r"^head\.fc\.": "classifier.6.",
        },
    ),
    KeyMap(
        "timm's seresnet50",
        "senet",
        r"\.se\.fc1\.",
        {r"\.se\.fc1\.": ".attention.reduce.", r"\.se\.fc2\.": ".attention.expand."},
    ),
    KeyMap(
        "the SE-ResNet-50 of PytorchInsight and senet.pytorch",  # the latter without biases
        "senet",
        r"\.se\.fc\.0\.",
        {r"\.se\.fc\.0\.": ".attention.reduce.", r"\.se\.fc\.2\.": ".attention.expand."},
        biases=r"\.attention\.(reduce|expand)\.bias$",
    ),
    KeyMap(
        "timm's resnet50 with CBAM",  # block_args={"attn_layer": "cbam"}; by default without biases
        "cbam",
        r"\.se\.channel\.fc1\.",
        {
            r"\.se\.channel\.fc1\.": ".attention.channel.mlp.0.",
            r"\.se\.channel\.fc2\.": ".attention.channel.mlp.2.",
            r"\.se\.spatial\.conv\.(conv|bn)\.": r".attention.spatial.\1.",
        },
        biases=r"\.attention\.channel\.mlp\.[02]\.bias$",
    ),
    KeyMap(
        "the CBAM authors' ResNet-50",  # concatenates [maximum, mean]; the paper and we: [mean, maximum]
        "cbam",
        r"\.cbam\.ChannelGate\.",
        {
            r"\.cbam\.ChannelGate\.mlp\.1\.": ".attention.channel.mlp.0.",
            r"\.cbam\.ChannelGate\.mlp\.3\.": ".attention.channel.mlp.2.",
            r"\.cbam\.SpatialGate\.spatial\.(conv|bn)\.": r".attention.spatial.\1.",
        },
        swapped=r"\.attention\.spatial\.conv\.weight$",
    ),
    KeyMap(
        "timm's skresnext50_32x4d",
        "sknet",
        r"\.conv2\.attn\.fc_reduce\.",
        {
            r"\.conv([13])\.conv\.": r".conv\1.",
            r"\.conv([13])\.bn\.": r".bn\1.",
            r"\.paths\.(\d)\.conv\.": r".branches.\1.0.",
            r"\.paths\.(\d)\.bn\.": r".branches.\1.1.",
            r"\.attn\.fc_reduce\.": ".fuse.0.",
            r"\.attn\.bn\.": ".fuse.1.",
            r"\.attn\.fc_select\.": ".select.",
        },
    ),
)
"""Supported implementations, each with the model that it loads into."""

REFUSED = {
    r"\.se_module\.": "holds an SE network in the Caffe original's layout, as timm's legacy_seresnet50: it "
    "strides in the first 1×1 of a block and pools without padding, so its weights would fit and the logits "
    "be wrong. Give timm's seresnet50, or build that network: model=timm model.backbone=legacy_seresnet50",
    r"\.conv2g\.": "holds the SK-ResNet-50 of PytorchInsight, which its authors call a modified version: a "
    "plain and a grouped 3×3 at ResNet-50's width, not SKNet-50. Give timm's skresnext50_32x4d",
}
"""Tensor-name patterns of files that must not be loaded, and the reason."""


def recognise(tensors: dict[str, Tensor], source: str, name: str) -> KeyMap | None:
    """Recognise the implementation of a state dict; None if it needs no conversion.

    Raises:
        UserError: The state dict belongs to a different model than ``name``.
    """
    for sign, reason in REFUSED.items():
        if any(re.search(sign, key) for key in tensors):
            raise UserError(f"model.weights: {source} {reason}")
    for key_map in KEY_MAPS:
        if any(re.search(key_map.sign, key) for key in tensors):
            if key_map.model != name:
                raise UserError(
                    f"model.weights: {source} has the names of {key_map.reference}, "
                    f"which is model={key_map.model}, not {name}"
                )
            return key_map
    return None


def translate(
    tensors: dict[str, Tensor], key_map: KeyMap, expected: dict[str, Tensor]
) -> tuple[dict[str, Tensor], int]:
    """Convert a state dict to our names and shapes; also return the number of biases filled with zeros.

    Args:
        tensors: The reference's tensors.
        key_map: Its conversion.
        expected: Our model's state dict.
    """
    translated = {}
    for name, tensor in tensors.items():
        key = name
        for pattern, replacement in key_map.renames.items():
            key = re.sub(pattern, replacement, key)
        if tensor.ndim == 4 and key in expected and expected[key].ndim == 2:
            tensor = tensor.flatten(1)
        if key_map.swapped and re.search(key_map.swapped, key):
            tensor = tensor.flip(1)
        translated[key] = tensor
    biases = [key for key in expected if key_map.biases and re.search(key_map.biases, key)]
    if not translated.keys().isdisjoint(biases):
        return translated, 0
    return translated | {key: torch.zeros_like(expected[key]) for key in biases}, len(biases)


DINOV2 = {
    r"^(dinov2\.)?embeddings\.cls_token": "cls_token",
    r"^(dinov2\.)?embeddings\.position_embeddings": "pos_embed",
    r"^(dinov2\.)?embeddings\.patch_embeddings\.projection\.": "patch_embed.proj.",
    r"^(dinov2\.)?encoder\.layer\.(\d+)\.": r"blocks.\2.",
    r"^(dinov2\.)?layernorm\.": "norm.",
    r"\.attention\.output\.dense\.": ".attn.proj.",
    r"\.layer_scale([12])\.lambda1": r".ls\1.gamma",
}
"""Name patterns of Hugging Face's Dinov2Model (format of Phikon-v2), and timm's names of the same tensors."""


def translate_dinov2(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convert a Dinov2Model's state dict to timm's names; timm joins query, key and value in one layer."""
    translated = {}
    for key, tensor in tensors.items():
        for pattern, replacement in DINOV2.items():
            key = re.sub(pattern, replacement, key)
        translated[key] = tensor
    for query in [key for key in translated if ".attention.attention.query." in key]:
        parts = [query.replace(".query.", f".{part}.") for part in ("query", "key", "value")]
        joined = query.replace(".attention.attention.query.", ".attn.qkv.")
        translated[joined] = torch.cat([translated.pop(part) for part in parts])
    # The mask token is used in pretraining only.
    return {key: tensor for key, tensor in translated.items() if not key.endswith("mask_token")}


LITE0 = frozenset({"_conv_stem.weight", "_blocks.15._project_conv.weight", "_fc.weight"})
"""Tensor names of EfficientNet-Lite0 as efficientnet_lite_pytorch names them."""

_LITE0_BLOCKS = [
    (stage, block) for stage, blocks in enumerate((1, 2, 2, 3, 3, 4, 1)) for block in range(blocks)
]
_LITE0_TOP = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_LITE0_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LITE0_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def translate_lite0(tensors: dict[str, Tensor], source: str, network: str) -> dict[str, Tensor]:
    """Convert a state dict of efficientnet_lite_pytorch's EfficientNet-Lite0 to timm's names.

    Args:
        tensors: the state dict; names that Lite0 does not have stay as they are, and fit no network.
        source: what the weights are called in the message.
        network: timm's name of the network that they are for, or ours.

    Raises:
        UserError: it is another network, among them timm's ``efficientnet_lite0``, which all tensors would
            fit, but which pads its convolutions otherwise: its logits would be off by up to 3.
    """
    if network != "tf_efficientnet_lite0":
        raise UserError(
            f"model.weights: {source} is of EfficientNet-Lite0 as TensorFlow pads it, which is timm's "
            f"tf_efficientnet_lite0, not {network}; set model=timm model.backbone=tf_efficientnet_lite0"
        )
    translated = {}
    for name, tensor in tensors.items():
        inner = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
        if inner and int(inner[1]) < len(_LITE0_BLOCKS):
            stage, block = _LITE0_BLOCKS[int(inner[1])]
            layer = (_LITE0_BLOCK if stage else _LITE0_FIRST).get(inner[2], inner[2])
            key = f"blocks.{stage}.{block}.{layer}.{inner[3]}"
        else:
            layer, _, what = name.partition(".")
            key = f"{_LITE0_TOP.get(layer, layer)}.{what}"
        translated[key] = tensor
    return translated
