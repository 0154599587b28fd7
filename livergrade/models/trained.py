"""The network of a checkpoint, ready to grade; nothing of how it was trained is needed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from livergrade.errors import UserError
from livergrade.io.safe_load import safe_load
from livergrade.models.build import build
from livergrade.models.catalog import OPTIONS


def trained_net(checkpoint: Path) -> tuple[nn.Module, list[str]]:
    """The network of a run's checkpoint, in evaluation mode on the CPU, and its grades, worst to best.

    Raises:
        UserError: the file is damaged, could run code, or is no checkpoint of this version.
    """
    content = safe_load(checkpoint, fix="train the run again")
    other = f"{checkpoint}: is no checkpoint of this version of livergrade"
    if not isinstance(content, dict) or not {"hyper_parameters", "state_dict"} <= content.keys():
        raise UserError(f"{other}: it holds no network")
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
        with torch.device("meta"):  # drawing weights, to be replaced at once, takes most of the time
            net = build(model["name"], len(classes), model["head"], **options)
        net.load_state_dict(weights, assign=True)
        if any(buffer.is_meta for buffer in net.buffers()):  # computed when built, in some networks of timm
            net = build(model["name"], len(classes), model["head"], **options)
            net.load_state_dict(weights)
    except (AttributeError, KeyError, TypeError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it holds no network"
        raise UserError(f"{other}: {reason}") from None
    return net.eval(), classes
