"""Load the network of a checkpoint for inference; the training code is not needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from livergrade.errors import UserError
from livergrade.io.safe_load import safe_load
from livergrade.models.build import build
from livergrade.models.catalog import OPTIONS


class _NoRandomValues(TorchFunctionMode):
    """Skips drawing normal values; on ``meta``, where none are stored, PyTorch loads its compiler (1.5 s)."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function returns
        return args[0] if function is Tensor.normal_ else function(*args, **(kwargs or {}))


def trained_net(checkpoint: Path) -> tuple[nn.Module, list[str]]:
    """Load the network of a run's checkpoint, in evaluation mode on the CPU, and its grades, worst to best.

    Raises:
        UserError: the file is damaged, could run code, or is not a checkpoint of this version.
    """
    content = safe_load(checkpoint, fix="train the run again")
    problem = f"{checkpoint}: is no checkpoint of this version of livergrade"
    if not isinstance(content, dict) or not {"hyper_parameters", "state_dict"} <= content.keys():
        raise UserError(f"{problem}: it holds no network")
    try:
        settings = content["hyper_parameters"]
        classes = list(settings["classes"])
        model = settings["model"]
        options = {name: model[name] for name in OPTIONS[model["name"]]}
        weights = {
            name.removeprefix("net."): tensor
            for name, tensor in content["state_dict"].items()
            if name.startswith("net.")
        }
        # Random initial values, replaced at once, would take most of the time.
        with torch.device("meta"), _NoRandomValues():
            net = build(model["name"], len(classes), model["head"], **options)
        net.load_state_dict(weights, assign=True)
        if any(buffer.is_meta for buffer in net.buffers()):  # some timm networks compute them when built
            net = build(model["name"], len(classes), model["head"], **options)
            net.load_state_dict(weights)
    except (AttributeError, KeyError, TypeError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it holds no network"
        raise UserError(f"{problem}: {reason}") from None
    return net.eval(), classes
