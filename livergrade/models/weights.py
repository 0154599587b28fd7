"""Weights for a model: torchvision's ImageNet ones, or a local file."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn
from torchvision.models import ResNet50_Weights, VGG16_Weights

from livergrade.errors import UserError

IMAGENET = {"vgg16": VGG16_Weights.IMAGENET1K_V1, "resnet50": ResNet50_Weights.IMAGENET1K_V2}
"""Torchvision's published weights, by our name of the model. They expect images scaled to [0, 1], then
normalised with mean (0.485, 0.456, 0.406) and standard deviation (0.229, 0.224, 0.225)."""

_WRAPPERS = re.compile(r"^(?:net\.|module\.|_orig_mod\.)+")  # our task's, DataParallel's, torch.compile's


def load_weights(model: nn.Module, source: str, *, name: str) -> str:
    """Load weights into a model, in place, and say in a sentence what was loaded.

    Every tensor must fit, with one exception: the head, which is the model's last linear layer, keeps its
    initial values if the file has none or has one for another number of classes. A file that does not fit
    leaves the model as it was.

    Args:
        model: The network, its classifier head registered last.
        source: ``"imagenet"`` for torchvision's published weights (downloaded once, then cached), or the
            path of a file: ``.safetensors``, or ``.pt``, ``.pth`` or ``.ckpt`` with a state dict, bare or
            under the key ``state_dict`` (a Lightning checkpoint of this package) or ``model``. Files are
            read as tensors only: one that would run code on loading is refused.
        name: The model's name in :data:`livergrade.models.MODELS`.

    Returns:
        How many tensors came from where, and what became of the head.

    Raises:
        UserError: There are no such weights; the file cannot be read or holds more than tensors; or tensors
            are missing, unexpected or of another shape.
    """
    if source == "imagenet":
        source, found = _imagenet(name)
    else:
        found = _read(Path(source).expanduser())
    expected = model.state_dict()
    head = _head(model)
    new_head = any(key not in found or found[key].shape != expected[key].shape for key in head)
    if new_head:
        found = {key: tensor for key, tensor in found.items() if key not in head}
        expected = {key: tensor for key, tensor in expected.items() if key not in head}
    misfits = {
        # Files from before PyTorch 0.4.1 have no batch counters; no batch norm here reads its own.
        "missing": [k for k in expected if k not in found and not k.endswith(".num_batches_tracked")],
        "unexpected": [k for k in found if k not in expected],
        "of another shape": [
            f"{k} {tuple(t.shape)} instead of {tuple(expected[k].shape)}"
            for k, t in found.items()
            if k in expected and t.shape != expected[k].shape
        ],
    }
    if any(misfits.values()):
        told = "; ".join(
            f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
            for what, keys in misfits.items()
            if keys
        )
        raise UserError(
            f"model.weights: {source} does not fit {name}, which needs {len(expected)} tensors: {told}. "
            "Give a file saved from this architecture, or the model that the file was saved from."
        )
    model.load_state_dict(found, strict=False)
    return (
        f"{source}: loaded all {len(found)} tensors of {name}'s trunk; the head starts afresh"
        if new_head
        else f"{source}: loaded all {len(found)} tensors of {name}, head included"
    )


def _head(model: nn.Module) -> list[str]:
    """Names of the tensors of the last linear layer."""
    name, layer = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
    return [f"{name}.{key}" for key in layer.state_dict()]


def _imagenet(name: str) -> tuple[str, dict[str, Tensor]]:
    """Fetch torchvision's weights: the name of their file, and its tensors."""
    if name not in IMAGENET:
        raise UserError(
            f"model.weights=imagenet: torchvision publishes no ImageNet weights for {name}, only for "
            f"{' and '.join(IMAGENET)}; give a local file as model.weights=<file>"
        )
    url: str = IMAGENET[name].url
    file = url.rsplit("/", 1)[1]
    try:
        state: dict[str, Tensor] = IMAGENET[name].get_state_dict(
            map_location="cpu", check_hash=True, weights_only=True
        )
    except Exception as error:  # network, disk and the reader of damaged bytes each fail in their own ways
        cached = Path(torch.hub.get_dir()) / "checkpoints" / file
        fix = (
            f"delete the damaged copy {cached} and start again"
            if cached.exists()
            else f"download {url} where there is a network and give it as model.weights=<folder>/{file}"
        )
        raise UserError(f"model.weights=imagenet: {file} could not be had ({error}); {fix}") from error
    return file, state


def _read(path: Path) -> dict[str, Tensor]:
    """Read a file's tensors by name, freed of the containers and prefixes that training wraps them in."""
    if not path.is_file():
        raise UserError(f'model.weights: no file {path}; give "imagenet" or the path of a weights file')
    if path.suffix == ".safetensors":
        content = _read_safetensors(path)
    elif path.suffix in {".pt", ".pth", ".ckpt"}:
        content = _read_pickle(path)
    else:
        raise UserError(f"model.weights: {path} is none of .safetensors, .pt, .pth and .ckpt")
    for container in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(container), dict):
            content = content[container]
    tensors = {k: t for k, t in content.items() if isinstance(t, Tensor)} if isinstance(content, dict) else {}
    if not tensors:
        raise UserError(f"model.weights: {path} holds no tensors by name; give a file with a state dict")
    if any(key.startswith("net.") for key in tensors):  # a task's checkpoint holds its loss and metrics too
        tensors = {key: tensor for key, tensor in tensors.items() if key.startswith("net.")}
    return {_WRAPPERS.sub("", key): tensor for key, tensor in tensors.items()}


def _read_pickle(path: Path) -> object:
    """Read what ``torch.save`` wrote, refusing whatever could run code."""
    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        culprit = re.search(r"GLOBAL (\S+)", str(error))
        raise UserError(
            f"model.weights: {path} is refused: "
            + (f"it asks to load {culprit[1]}, " if culprit else "it is damaged, or holds ")
            + "not tensors alone, and reading it could run code; "
            "save the network's state_dict() with torch.save, or as .safetensors"
        ) from error
    except Exception as error:  # on damaged bytes the reader fails in its own ways: EOFError, KeyError, ...
        raise UserError(
            f"model.weights: {path} cannot be read: truncated, or not what torch.save writes; copy it again"
        ) from error
    return content


def _read_safetensors(path: Path) -> object:
    """Read a safetensors file."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise UserError(
            f"model.weights: {path} needs the package safetensors: pip install safetensors"
        ) from error
    try:
        content: object = load_file(path)
    except SafetensorError as error:
        raise UserError(f"model.weights: {path} cannot be read: {error}; copy it again") from error
    return content
