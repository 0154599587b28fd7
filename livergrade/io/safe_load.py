"""Read files of ``torch.save`` as data: refuse what could run code, or takes far more memory than they."""

from __future__ import annotations

import contextlib
import io
import os
import pickletools
import threading
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import BinaryIO

import torch
from torch import Tensor

from livergrade.errors import UserError
from livergrade.io.memory import memory_for_one_file, memory_limit
from livergrade.io.regular_files import no_file
from livergrade.io.zip_directory import record_bytes, zip_records

MOST_PICKLE_BYTES = 8 * 2**20
"""The names and shapes of a network's tensors take thousands of bytes; their values are stored elsewhere."""

_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""First number in a file of PyTorch before 1.6."""

_KNOWN = {
    *("collections OrderedDict", "collections Counter", "torch Size", "torch device", "_codecs encode"),
    *(f"{module} {kind}" for module in ("builtins", "__builtin__") for kind in ("set", "complex")),
    *(f"torch._utils _rebuild_{what}" for what in ("tensor", "tensor_v2", "tensor_v3", "parameter")),
    "torch._utils _rebuild_parameter_with_state",
    *("torch.nn.parameter Parameter", "torch.storage UntypedStorage"),
}
"""What a file may name, besides PyTorch's kinds of numbers: nothing that makes more than the file holds."""

NUMBERS = {
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
}
"""Kinds of numbers that PyTorch computes with; of others it can't even tell whether they are finite."""

_ENVIRONMENT = ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD")

_one_at_a_time = threading.Lock()


def safe_load(path: Path, *, called: str = "", fix: str) -> object:
    """Load tensors and plain values from a file, on the CPU.

    Neither PyTorch's environment variables nor `torch.serialization.add_safe_globals` widen what is read.

    Args:
        path: the file.
        called: option that named the file, for the error message.
        fix: advice if the file is damaged, for the error message.

    Raises:
        UserError: the file is damaged, could run code, or would take more memory than it is large; its
            content is never executed.
    """
    name = f"{called}: {path}" if called else str(path)
    if problem := no_file(path):
        missing = "is not there" if problem == "does not exist" else problem
        raise UserError(f"{name}: {missing}; {fix}")
    try:
        size, most = path.stat().st_size, memory_for_one_file()
        if size > most:
            raise UserError(
                f"{name}: is {size / 1e9:.1f} GB, more than the {most / 1e9:.1f} GB that may be read"
            )
        with path.open("rb") as file:
            _refuse_code(file)
        # Its tensors, its pickle, and what PyTorch imports for them.
        with _nothing_else_allowed(), memory_limit(2 * size + 2**28):
            content: object = torch.load(path, map_location="cpu", mmap=False, weights_only=True)
        _refuse_more_than_is_stored(content, size)
    except UserError:
        raise
    except _UnknownError as error:
        raise UserError(
            f"{name} is refused: it asks to load {error}, not tensors alone, and reading it could run code; "
            "save the network's state_dict() with torch.save, or as .safetensors"
        ) from None
    except UnpicklingError:
        raise UserError(
            f"{name} is refused: it is damaged, or holds not tensors alone, and reading it could run code; "
            "save the network's state_dict() with torch.save, or as .safetensors"
        ) from None
    except _TooLargeError as error:
        raise UserError(
            f"{name} is refused: {error}; save the network's state_dict() with torch.save"
        ) from None
    except MemoryError:
        raise UserError(
            f"{name} is refused: reading it takes far more memory than its {size} bytes"
        ) from None
    except Exception as error:  # damaged files raise many exception types: EOFError, KeyError, ...
        if "can't allocate memory" in str(error):
            raise UserError(
                f"{name} is refused: reading it takes far more memory than its {size} bytes"
            ) from None
        raise UserError(f"{name} cannot be read: truncated, or not what torch.save writes; {fix}") from error
    return content


class _UnknownError(Exception):
    """The file names something that is no tensor."""


class _TooLargeError(Exception):
    """The file says that it holds more than it does."""


def _refuse_code(file: BinaryIO) -> None:
    """Look at the file's records and at each word of its pickles, before PyTorch does."""
    start = file.read(2 + len(_MAGIC))
    if start.startswith(b"PK"):
        try:
            records = zip_records(file)
        except ValueError as error:
            if "torch" in str(error) or "larger" in str(error) or "elsewhere" in str(error):
                raise _TooLargeError(str(error)) from None
            raise
        pickles = [record for record in records if record.name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1 or pickles[0].size > MOST_PICKLE_BYTES:
            raise _TooLargeError("it holds no network's names and shapes, or too many of them")
        _refuse_unknown(io.BytesIO(record_bytes(file, pickles[0])))
        return
    file.seek(0)
    pickles_of_old = io.BytesIO(file.read(MOST_PICKLE_BYTES))
    if start[2:] != _MAGIC:
        with contextlib.suppress(ValueError):  # a bare pickle: tell what it names
            _refuse_unknown(pickles_of_old)
        raise ValueError("not written by torch.save")
    for _ in range(5):  # magic number, version, machine, content, keys of the tensors
        _refuse_unknown(pickles_of_old)


def _refuse_unknown(pickle: BinaryIO) -> None:
    for code, argument, _ in pickletools.genops(pickle):
        if code.name in ("GLOBAL", "INST"):
            home, _, name = str(argument).partition(" ")
            number = home in ("torch", "torch.storage") and isinstance(
                getattr(torch, name, None), torch.dtype
            )
            storage = home in ("torch", "torch.cuda") and name.endswith("Storage")
            if code.name == "INST" or not (f"{home} {name}" in _KNOWN or number or storage):
                raise _UnknownError(f"{home}.{name}")
        elif code.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
            raise UnpicklingError


@contextlib.contextmanager
def _nothing_else_allowed() -> Iterator[None]:
    """Have PyTorch forget what the environment and other code allow it to load, for this block."""
    with _one_at_a_time:
        allowed = torch.serialization.get_safe_globals()
        environment = {name: os.environ.pop(name) for name in _ENVIRONMENT if name in os.environ}
        torch.serialization.clear_safe_globals()
        try:
            yield
        finally:
            torch.serialization.add_safe_globals(allowed)
            os.environ.update(environment)


def _refuse_more_than_is_stored(content: object, size: int) -> None:
    """Refuse tensors with more values than the file stores: a view can repeat one value for ever."""
    seen: set[int] = set()
    storages: dict[int, int] = {}
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            plain = value.layout == torch.strided and value.device.type == "cpu"
            if not plain or value.dtype not in NUMBERS:
                raise _TooLargeError("it holds tensors of an unusual kind")
            stored = value.untyped_storage()
            if value.numel() * value.element_size() > stored.nbytes():
                raise _TooLargeError("it holds a tensor that says it is larger than what is stored of it")
            storages[stored.data_ptr()] = stored.nbytes()
        elif isinstance(value, dict | list | tuple | set) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value)
            waiting.extend(value.values() if isinstance(value, dict) else ())
    if sum(storages.values()) > size:
        raise _TooLargeError("its tensors say that they are larger than the file")
