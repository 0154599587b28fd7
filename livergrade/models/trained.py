"""Load the network of a checkpoint for inference; the training code is not needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from livergrade.errors import UserError
from livergrade.io.grades import too_many_grades
from livergrade.io.safe_load import safe_load
from livergrade.io.visible import shown
from livergrade.models.build import build
from livergrade.models.catalog import OPTIONS

OF_RUN = {"split": ("split.csv", "another split"), "options": ("config.yaml", "other options")}
"""What a checkpoint says of the run that wrote it, the file that holds it, and how to name a difference."""


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


def trained_net(
    checkpoint: Path, recorded: Mapping[str, object] | None = None
) -> tuple[nn.Module, list[str]]:
    """Load the network of a run's checkpoint, in evaluation mode on the CPU, and its grades, worst to best.

    Args:
        checkpoint: the file.
        recorded: ``classes``, ``name``, ``head`` and further options of the network as ``config.yaml`` of the
            run has them, and the ``split`` and ``options`` of `livergrade.runs.checkpoint_mark`; None to
            compare nothing.

    Raises:
        UserError: the file is damaged, could run code, is not a checkpoint of this version, its weights are
            not finite numbers, or it is not of the run.
    """
    content = safe_load(checkpoint, fix="train the run again")
    problem = f"{checkpoint}: is not a checkpoint of this version of livergrade"
    if not isinstance(content, dict) or not {"hyper_parameters", "state_dict"} <= content.keys():
        raise UserError(f"{problem}: it holds no network")
    try:
        settings = _table(content["hyper_parameters"])
        classes = _grades(settings["classes"])
        model = _table(settings["model"])
        options = {name: model[name] for name in OPTIONS[model["name"]]}
        stored = {"classes": classes, "name": model["name"], "head": model["head"]} | options
        stored |= {key: settings.get(key) for key in OF_RUN}
        for key, value in (recorded or stored).items():
            if type(stored.get(key)) is not type(value) or stored[key] != value:
                raise UserError(f"{checkpoint}: {_of_two_runs(checkpoint, key, stored.get(key), value)}")
        weights = {
            name.removeprefix("net."): tensor
            for name, tensor in content["state_dict"].items()
            if name.startswith("net.")
        }
        # Random initial values, replaced at once, would take most of the time.
        with torch.device("meta"), _NoRandomValues():
            net = build(model["name"], len(classes), model["head"], **options)
        weights = _as_expected(weights, net.state_dict())
        net.load_state_dict(weights, assign=True)
        if any(buffer.is_meta for buffer in net.buffers()):  # some timm networks compute them when built
            net = build(model["name"], len(classes), model["head"], **options)
            net.load_state_dict(weights)
    except (AttributeError, LookupError, TypeError, RuntimeError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0][:500] if str(error) else "it holds no network"
        raise UserError(f"{problem}: {reason}") from None
    return net.eval(), classes


def _of_two_runs(checkpoint: Path, key: str, stored: object, own: object) -> str:
    """Say that a checkpoint is of another run than the files beside it."""
    if key in OF_RUN:
        file, of_what = OF_RUN[key]
        if stored is None:
            return f"does not say with which {key} it was trained, so it is of no run of this version"
        return (
            f"was trained with {of_what} than {shown(checkpoint.parents[1] / file)} (SHA-256 "
            f"{shown(stored, 16)} and {shown(own, 16)}): they are of two runs; put the run's own file back, "
            "or train the run again"
        )
    return (
        f"its {key} is {shown(stored)}, and {shown(own)} in config.yaml of the run: they are of two runs; "
        "use the files as they were trained"
    )


def _table(stored: object) -> Mapping[str, Any]:
    """Settings by their names; a tensor takes a name as an index, with a warning.

    Raises:
        TypeError: they are anything else.
    """
    if not isinstance(stored, Mapping):
        raise TypeError("its settings have no names")
    return stored


def _grades(stored: object) -> list[str]:
    """The grades' names in a checkpoint.

    Raises:
        ValueError: they are no list of names.
    """
    if not isinstance(stored, list | tuple) or len(stored) < 2:
        raise ValueError("it holds no list of grades")
    if not all(isinstance(name, str) for name in stored):
        raise ValueError("its grades are not all names")
    if problems := too_many_grades(stored):
        raise ValueError(problems[0])
    return list(stored)


def _as_expected(weights: Mapping[str, object], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights as numbers of the kind that the network has, which is checked to be finite.

    Raises:
        ValueError: a weight is no tensor, of another kind of numbers, or not finite.
    """
    converted = {}
    for name, tensor in weights.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{name} is not a tensor")
        kind = expected[name].dtype if name in expected else tensor.dtype
        if tensor.is_floating_point() != kind.is_floating_point or tensor.is_complex() != kind.is_complex:
            raise ValueError(f"{name} holds numbers of another kind: {tensor.dtype} instead of {kind}")
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"{name} holds values that are not finite numbers; train the run again")
        converted[name] = tensor.to(kind)
    return converted
