"""Safely read files of ``torch.save``: refuse anything that could run code."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError

import torch

from livergrade.errors import UserError


def safe_load(path: Path, *, called: str = "", fix: str) -> object:
    """Load tensors and plain values from a file, on the CPU.

    Args:
        path: the file.
        called: option that named the file, for the error message.
        fix: advice if the file is damaged, for the error message.

    Raises:
        UserError: the file is damaged or could run code; its content is never executed.
    """
    name = f"{called}: {path}" if called else str(path)
    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{name}: is not there; {fix}") from None
    except UnpicklingError as error:
        culprit = re.search(r"GLOBAL (\S+)", str(error))
        raise UserError(
            f"{name} is refused: "
            + (f"it asks to load {culprit[1]}, " if culprit else "it is damaged, or holds ")
            + "not tensors alone, and reading it could run code; "
            "save the network's state_dict() with torch.save, or as .safetensors"
        ) from error
    except Exception as error:  # damaged files raise many exception types: EOFError, KeyError, ...
        raise UserError(f"{name} cannot be read: truncated, or not what torch.save writes; {fix}") from error
    return content
