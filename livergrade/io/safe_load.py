"""Read what ``torch.save`` wrote, refusing whatever could run code."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError

import torch

from livergrade.errors import UserError


def safe_load(path: Path, *, called: str = "", fix: str) -> object:
    """Tensors and plain values from a file, on the CPU.

    Args:
        path: the file.
        called: the option that named it, for the message.
        fix: what to do where it is damaged, for the message.

    Raises:
        UserError: it is damaged, or could run code; the file's content is never run.
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
    except Exception as error:  # on damaged bytes the reader fails in its own ways: EOFError, KeyError, ...
        raise UserError(f"{name} cannot be read: truncated, or not what torch.save writes; {fix}") from error
    return content
