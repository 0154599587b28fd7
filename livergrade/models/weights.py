"""Load weights into a model: published ImageNet weights, or a local file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from livergrade.errors import UserError
from livergrade.io.memory import memory_for_one_file
from livergrade.io.regular_files import no_file
from livergrade.io.safe_load import MOST_PICKLE_BYTES, NUMBERS, safe_load
from livergrade.io.similar import meant
from livergrade.io.visible import shown
from livergrade.models.backbone import published
from livergrade.models.keymaps import LITE0, recognise, translate, translate_dinov2, translate_lite0
from livergrade.models.layers import head
from livergrade.models.packaged import NAMED_WEIGHTS, weights_path

IMAGENET = {"vgg16": "VGG16_Weights.IMAGENET1K_V1", "resnet50": "ResNet50_Weights.IMAGENET1K_V2"}
"""Torchvision's published weights, by our name of the model. They expect images scaled to [0, 1], then
normalised with mean (0.485, 0.456, 0.406) and standard deviation (0.229, 0.224, 0.225)."""

IMAGENET_OF_TIMM = {"senet": "seresnet50", "sknet": "skresnext50_32x4d"}
"""Networks of timm whose published weights our models can load. They expect the same normalisation."""

_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".tar")  # .tar because of the old suffix .pth.tar
_WRAPPERS = re.compile(
    r"^(?:net\.|module\.|_orig_mod\.)+"
)  # prefixes of our task, DataParallel and torch.compile


def load_weights(model: nn.Module, source: str, *, name: str) -> str:
    """Load weights into a model, in place, and return a sentence that reports what was loaded.

    State dicts of reference implementations are recognised and converted to our names, see
    :mod:`livergrade.models.keymaps`. Then every tensor must fit, with one exception: the head starts from
    zero if the file has no head, or a head of another kind or for another number of classes. A file
    that does not fit leaves the model unchanged.

    Why zero, and not the initial values of the network: layers with trained weights may have large outputs.
    timm draws the head of an EfficientNet from U(-1/√classes, 1/√classes) whatever the number of inputs, so
    that 1,280 features with a root mean square of 2 become logits with a standard deviation of 20, and the
    first loss is far above chance. From zero it is at chance for every network, and the first step already
    separates the classes, since a single linear layer has no symmetry to break.

    Args:
        model: The network.
        source: ``"imagenet"`` for published weights, torchvision's or timm's (downloaded once, then cached),
            a name of :data:`livergrade.models.packaged.PACKAGED` for the file of an installed package, or the
            path of a file: ``.safetensors``, or ``.pt``, ``.pth``, ``.bin``, ``.ckpt`` or ``.pth.tar``
            with a state dict, bare or under the key ``state_dict`` (a Lightning checkpoint of this package)
            or ``model``. Only tensors are read: a file that would run code on loading is refused.
        name: The model's name in :data:`livergrade.models.catalog.MODELS`.

    Returns:
        Source and number of the loaded tensors, the name conversion used, and what was not loaded.

    Raises:
        UserError: There are no such weights; the file cannot be read or holds more than tensors; it is of
            another network; or tensors are missing, unexpected or of another shape.
    """
    if source == "imagenet":
        source, found = _imagenet(model, name)
    else:
        found = _read(weights_path(source))
    expected = model.state_dict()
    zeros, names = 0, ""
    if LITE0.issubset(found):
        network = getattr(model, "pretrained_cfg", {}).get("architecture", name)
        found, names = translate_lite0(found, source, network), " (names as in efficientnet_lite_pytorch)"
    elif name == "timm":
        if any(key.endswith("embeddings.cls_token") for key in found):
            found, names = translate_dinov2(found), " (names as in Hugging Face's Dinov2Model)"
    elif known := recognise(found, source, name):
        found, zeros = translate(found, known, expected)
        names = f" (names as in {known.reference})"

    head_name, layer = head(model)
    not_loaded = [f"{head_name}.{key}" for key in layer.state_dict()]
    head_keys = [key for key in found if key.startswith(f"{head_name}.")]
    if set(head_keys) == set(not_loaded) and all(
        found[key].shape == expected[key].shape for key in not_loaded
    ):
        not_loaded = []
    else:
        found = {key: tensor for key, tensor in found.items() if key not in head_keys}
    # Files from before PyTorch 0.4.1 have no batch counters; no batch norm here uses them.
    counters = [key for key in expected if key not in found and key.endswith(".num_batches_tracked")]
    may_be_missing = {*not_loaded, *counters}
    _require_fit(found, expected, may_be_missing, f"{source}{names}", name)
    model.load_state_dict(found, strict=False)
    if not_loaded:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
    matched = len(found) - zeros
    share = f"all {matched}" if matched == len(expected) else f"{matched} of {len(expected)}"
    report = f"{source}: loaded {share} tensors of {name}{names}; "
    report += f"the head ({', '.join(not_loaded)}) starts from zero" if not_loaded else "head included"
    report += f"; {zeros} biases that the file lacks are zero" if zeros else ""
    return report + (f"; {len(counters)} batch counters that it lacks are not used" if counters else "")


def _require_fit(
    found: dict[str, Tensor], expected: dict[str, Tensor], may_be_missing: set[str], source: str, name: str
) -> None:
    """Raise a `UserError` that counts and names the tensors which do not fit the model."""
    misfits = {
        "missing": [key for key in expected if key not in found and key not in may_be_missing],
        "unexpected": [key for key in found if key not in expected],
        "of another shape": [
            f"{key} {tuple(tensor.shape)} instead of {tuple(expected[key].shape)}"
            for key, tensor in found.items()
            if key in expected and tensor.shape != expected[key].shape
        ],
    }
    if any(misfits.values()):
        details = "; ".join(
            f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
            for what, keys in misfits.items()
            if keys
        )
        raise UserError(
            f"model.weights: {source} does not fit {name}, which needs {len(expected)} tensors: "
            f"{details}. Give a file saved from this architecture, or the model that the file was saved from."
        )


def _imagenet(model: nn.Module, name: str) -> tuple[str, dict[str, Tensor]]:
    """Fetch published weights: their name and tensors."""
    if name in IMAGENET:
        return _torchvisions(name)
    if name == "timm":
        return _timms(model)
    if name not in IMAGENET_OF_TIMM:
        elsewhere = (
            "the authors of CBAM link a checkpoint of ResNet50+CBAM in the README of "
            "github.com/Jongchan/attention-module: download it and give it as model.weights=<file>"
            if name == "cbam"
            else "give a file as model.weights=<file>, or leave it out to start at random"
        )
        raise UserError(
            f"model.weights=imagenet: no package publishes ImageNet weights of {name}; {elsewhere}"
        )
    try:
        import timm
    except ModuleNotFoundError as error:
        raise UserError(
            f"model.weights=imagenet: {name} takes timm's weights, and the package timm is not installed: "
            'pip install "livergrade[timm]"'
        ) from error
    with torch.device("meta"):
        reference = timm.create_model(IMAGENET_OF_TIMM[name])
    return _timms(reference)


def _torchvisions(name: str) -> tuple[str, dict[str, Tensor]]:
    """Fetch torchvision's weights of a model: file name and tensors."""
    from torchvision.models import get_weight  # takes seconds to import, and is needed only here

    weights = get_weight(IMAGENET[name])
    url: str = weights.url
    file = url.rsplit("/", 1)[1]
    try:
        state: dict[str, Tensor] = weights.get_state_dict(
            map_location="cpu", check_hash=True, weights_only=True
        )
    except Exception as error:  # network, disk and damaged files raise different exception types
        cached = Path(torch.hub.get_dir()) / "checkpoints" / file
        fix = (
            f"delete the damaged copy {cached} and start again"
            if cached.exists()
            else f"download {url} where there is a network and give it as model.weights=<folder>/{file}"
        )
        raise UserError(f"model.weights=imagenet: {file} could not be downloaded ({error}); {fix}") from error
    return file, state


def _timms(net: nn.Module) -> tuple[str, dict[str, Tensor]]:
    """Fetch the weights that timm publishes for one of its networks: name and tensors."""
    try:
        return published(net)
    except UserError:
        raise
    except Exception as error:  # as above, and timm raises an error if it publishes no weights
        config: dict[str, Any] = net.pretrained_cfg  # type: ignore[assignment]
        file, home = config.get("hf_hub_filename") or "model.safetensors", config.get("hf_hub_id")
        where = f"{file} of {home} at Hugging Face" if home else config.get("url")
        fix = f"download {where} where there is a network and" if where else "find a file and"
        raise UserError(
            f"model.weights=imagenet: timm's {config['architecture']} could not be downloaded "
            f"({str(error).rstrip('. ')}); {fix} give it as model.weights=<file>"
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    """Read a file's tensors by name, without the containers and name prefixes that training adds."""
    if problem := no_file(path):
        raise UserError(
            f"model.weights: no file {path}: {problem}; {meant(path.name, NAMED_WEIGHTS)}give one of "
            f"{', '.join(NAMED_WEIGHTS)}, or the path of a weights file"
        )
    if path.suffix == ".safetensors":
        content = _read_safetensors(path)
    elif path.suffix in _PICKLES:
        content = safe_load(path, called="model.weights", fix="copy it again")
    else:
        raise UserError(f"model.weights: {path} is none of .safetensors, {', '.join(_PICKLES)}")
    for container in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(container), dict):
            content = content[container]
    tensors = (
        {k: t for k, t in content.items() if isinstance(k, str) and isinstance(t, Tensor)}
        if isinstance(content, dict)
        else {}
    )
    if not tensors:
        raise UserError(f"model.weights: {path} holds no tensors by name; give a file with a state dict")
    if wrong := [name for name, tensor in tensors.items() if not _is_finite(tensor)]:
        raise UserError(
            f"model.weights: {path}: {shown(wrong[0])} holds values that are not finite numbers, or "
            "numbers of an unusual kind; copy it again, or give another file"
        )
    if any(
        key.startswith("net.") for key in tensors
    ):  # a task's checkpoint also contains its loss and metrics
        tensors = {key: tensor for key, tensor in tensors.items() if key.startswith("net.")}
    return {_WRAPPERS.sub("", key): tensor for key, tensor in tensors.items()}


def _is_finite(tensor: Tensor) -> bool:
    return tensor.dtype in NUMBERS and bool(tensor.isfinite().all())


def _read_safetensors(path: Path) -> object:
    """Read a safetensors file."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise UserError(
            f"model.weights: {path} needs the package safetensors: pip install safetensors"
        ) from error
    size = path.stat().st_size
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    most = memory_for_one_file()
    if size > most:
        raise UserError(f"model.weights: {path} is {size / 1e9:.1f} GB; only {most / 1e9:.1f} GB may be read")
    if header > MOST_PICKLE_BYTES:  # the reader would end the process if it lacked the memory
        raise UserError(f"model.weights: {path} cannot be read: its header is {header} bytes; copy it again")
    try:
        content: object = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"model.weights: {path} cannot be read: {error}; copy it again") from error
    return content
