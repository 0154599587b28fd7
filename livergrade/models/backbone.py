"""Any timm backbone by name, and pathology foundation models that are variants of timm networks.

Needs the extra ``timm``. Weights of foundation models are published behind a form, so they are read from a
local file; weights published by timm can also be downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from livergrade.errors import UserError
from livergrade.models.architecture import IMAGENET, CamLayer, Normalisation

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class Pathology:
    """How timm builds a foundation model, according to its authors' model card.

    Args:
        home: Hugging Face repository where the authors publish the weights.
        architecture: timm's name of the base network.
        variant: Differences from the base network, as arguments of timm's constructor.
        normalisation: Mean and standard deviation of the channels used in its training.
    """

    home: str
    architecture: str
    variant: dict[str, Any] = field(default_factory=dict)
    normalisation: Normalisation = IMAGENET


_SWIGLU = {"mlp_layer": "SwiGLUPacked", "act_layer": "silu"}  # the layer class is looked up in timm
_BIOPTIMUS = ((0.707223, 0.578729, 0.703617), (0.211883, 0.230117, 0.177517))
_H_OPTIMUS = {"img_size": 224, "init_values": 1e-5}
_UNI2 = {"depth": 24, "embed_dim": 1536, "num_heads": 24, "mlp_ratio": 2 * 2.66667, "reg_tokens": 8}
PATHOLOGY: dict[str, Pathology] = {
    "uni": Pathology("MahmoodLab/UNI", "vit_large_patch16_224", {"init_values": 1e-5}),
    "uni2-h": Pathology(
        "MahmoodLab/UNI2-h",
        "vit_giant_patch14_224",
        {**_UNI2, **_SWIGLU, "no_embed_class": True, "init_values": 1e-5},
    ),
    "virchow2": Pathology(
        "paige-ai/Virchow2",
        "vit_huge_patch14_224",
        {**_SWIGLU, "mlp_ratio": 5.3375, "reg_tokens": 4, "init_values": 1e-5},
    ),
    "phikon-v2": Pathology("owkin/phikon-v2", "vit_large_patch16_224", {"init_values": 1e-5}),
    "h-optimus-0": Pathology(
        "bioptimus/H-optimus-0", "vit_giant_patch14_reg4_dinov2", _H_OPTIMUS, _BIOPTIMUS
    ),
    "h-optimus-1": Pathology(
        "bioptimus/H-optimus-1", "vit_giant_patch14_reg4_dinov2", _H_OPTIMUS, _BIOPTIMUS
    ),
}
"""Foundation models known by name. All are classified from their class token."""


def build_backbone(num_classes: int, *, backbone: str) -> nn.Module:
    """Build a timm network with random weights.

    Vision transformers accept any image size that the patch size divides: position embeddings are resized.

    Args:
        num_classes: Number of outputs.
        backbone: timm name, e.g. ``convnext_tiny`` or ``convnext_tiny.fb_in1k`` (the tag selects
            the published weights that ``imagenet`` loads), or one of :data:`PATHOLOGY`.

    Raises:
        UserError: timm is not installed or has no such network, or the network has no linear head.
    """
    timm = _timm_with(backbone)
    known = PATHOLOGY.get(backbone)
    name, options = (known.architecture, dict(known.variant)) if known else (backbone, {})
    if "mlp_layer" in options:
        options["mlp_layer"] = getattr(timm.layers, options["mlp_layer"])
    try:
        net: nn.Module = timm.create_model(name, num_classes=num_classes, dynamic_img_size=True, **options)
    except TypeError:  # only transformers with position embeddings accept dynamic_img_size
        net = timm.create_model(name, num_classes=num_classes, **options)
    if not isinstance(net.get_classifier(), nn.Linear):  # type: ignore[operator]
        raise UserError(
            f"model.backbone={backbone}: does not end in one linear layer; choose another network"
        )
    if known:
        net.pathology = known  # type: ignore[assignment]
    return net


def refuse_size(backbone: str, size: int) -> None:
    """Raise a UserError if a backbone can't take images of ``size`` × ``size`` pixels; needs no data."""
    with torch.device("meta"):
        net = build_backbone(2, backbone=backbone).eval()
        try:
            net(torch.empty(1, 3, size, size))
        except (AssertionError, RuntimeError, ValueError) as error:
            made_for = 224 if backbone in PATHOLOGY else net.pretrained_cfg["input_size"][-1]  # type: ignore[index]
            raise UserError(
                f"data.image_size={size}: {backbone} can't take it: {str(error).rstrip('.')}; "
                f"it was made for {made_for} pixels a side"
            ) from error


def normalisation(backbone: str) -> Normalisation:
    """Mean and standard deviation of the channels that a backbone's published weights expect."""
    timm = _timm_with(backbone)
    if known := PATHOLOGY.get(backbone):
        return known.normalisation
    config = timm.models.get_pretrained_cfg(backbone)
    return (config.mean, config.std) if config else IMAGENET


def cam_layer(net: nn.Module) -> CamLayer:
    """Target layer of class-activation maps of a timm network: its last stage.

    In a vision transformer only the class token is used after the last block, so the target is the input of
    that block's attention.
    """
    last: dict[str, Any] = net.feature_info[-1]  # type: ignore[index, assignment]
    prefix = int(getattr(net, "num_prefix_tokens", 0))
    return CamLayer(last["module"] + (".norm1" if prefix else ""), last["num_chs"], prefix)


def published(net: nn.Module) -> tuple[str, dict[str, Tensor]]:
    """Fetch the weights that timm publishes for one of its networks: name and tensors.

    Raises:
        UserError: The network is one of :data:`PATHOLOGY`.
    """
    import timm

    if known := getattr(net, "pathology", None):
        raise UserError(
            "model.weights=imagenet: this network's weights are not ImageNet's; its authors hand them out at "
            f"Hugging Face, {known.home}: give the file as model.weights=<file>"
        )
    config: dict[str, Any] = net.pretrained_cfg  # type: ignore[assignment]
    name = ".".join(filter(None, (config["architecture"], config["tag"])))
    return name, timm.create_model(name, pretrained=True).state_dict()


def _timm_with(backbone: str) -> ModuleType:
    """Import timm and check that it has the network."""
    try:
        import timm
    except ModuleNotFoundError as error:
        raise UserError('model=timm needs the package timm: pip install "livergrade[timm]"') from error
    name, _, tag = backbone.partition(".")
    if not timm.is_model(name) and backbone not in PATHOLOGY:
        near = get_close_matches(name, [*timm.list_models(), *PATHOLOGY], n=6)
        raise UserError(
            f"model.backbone={backbone}: timm {timm.__version__} has no such network"
            + (f"; similar: {', '.join(near)}" if near else "")
            + f". Pathology models: {', '.join(PATHOLOGY)}"
        )
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if tag and tag not in tags:
        raise UserError(
            f"model.backbone={backbone}: timm publishes no weights tagged {tag}; its tags: {', '.join(tags)}"
        )
    module: ModuleType = timm
    return module
