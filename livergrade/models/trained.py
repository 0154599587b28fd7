"""Load the network of a checkpoint for inference; the training code is not needed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from livergrade.errors import UserError
from livergrade.io.safe_load import safe_load
from livergrade.models.build import build
from livergrade.models.catalog import OPTIONS


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
        with torch.device(
            "meta"
        ):  # random initialisation of weights that are replaced at once would take most of the time
            net = build(model["name"], len(classes), model["head"], **options)
        net.load_state_dict(weights, assign=True)
        if any(
            buffer.is_meta for buffer in net.buffers()
        ):  # some timm networks compute buffers when they are built
            net = build(model["name"], len(classes), model["head"], **options)
            net.load_state_dict(weights)
    except (AttributeError, KeyError, TypeError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it holds no network"
        raise UserError(f"{problem}: {reason}") from None
    return net.eval(), classes
