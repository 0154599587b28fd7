"""A pretended card, to run what runs on a GPU where there is none: tensors that say ``cuda:0`` over CPU data.

Python sees the device ``cuda:0``, C++ a CPU tensor, so that autograd and fused optimizers need no driver.
What a card would refuse is refused: an operation over tensors of both devices, numpy of a tensor on the
card, a tensor on the card written to a file. What costs time there is counted: every operation, every
transfer, and every wait of the host (a value that it reads, ``nonzero``, a boolean mask, a copy that is not
from or to pinned memory). A copy to pinned memory without waiting arrives when an event that was recorded
after it is synchronised, and not before; until then the memory holds what no test can take for a value.

What it cannot show: how long anything takes on a card, kernels of CUDA, streams that run at the same time
(but copies beside the steps read what they copy as late as they may), graphs, and autocast of CUDA, in whose
place that of the CPU is with the same dtype.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

CARD = torch.device("cuda:0")
ROOT = str(Path(__file__).parents[1] / "livergrade")

FREE = {
    *(
        "view",
        "_unsafe_view",
        "permute",
        "transpose",
        "t",
        "expand",
        "unsqueeze",
        "squeeze",
        "slice",
        "select",
    ),
    *("split", "unbind", "detach", "alias", "as_strided", "split_with_sizes", "unfold", "diagonal", "chunk"),
    *("_reshape_alias", "unsafe_split", "narrow", "movedim", "view_as", "lift_fresh", "detach_", "set_"),
    *("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "is_pinned"),
}
"""Operations that start nothing on a card."""

WAITING = {
    *("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "unique_dim"),
    *("unique_consecutive", "bincount", "is_nonzero"),
}
"""Operations whose result, or its shape, the host must know."""


STAGED = 2**16
"""Bytes of ordinary memory up to which a copy to the card need not wait: CUDA puts them aside first."""


@dataclass
class Counts:
    """What happened on the card since the last :meth:`taken`.

    Attributes:
        operations: number of each operation.
        waits: what made the main thread wait, and the line of livergrade that it was called from.
        transfers: the same of copies to the card.
    """

    operations: collections.Counter[str] = field(default_factory=collections.Counter)
    waits: collections.Counter[str] = field(default_factory=collections.Counter)
    transfers: collections.Counter[str] = field(default_factory=collections.Counter)

    def taken(self) -> Counts:
        """What was counted; counting starts again."""
        so_far = Counts(self.operations, self.waits, self.transfers)
        self.operations, self.waits, self.transfers = (collections.Counter() for _ in range(3))
        return so_far

    def wait(self, what: str) -> None:
        """Count a wait of the main thread; others may wait."""
        if threading.current_thread() is threading.main_thread():
            self.waits[f"{what} at {_place()}"] += 1


COUNTS = Counts()


def _place() -> str:
    """The innermost line of livergrade that is under way, else of a test."""
    frames = traceback.extract_stack()
    own = [one for one in frames if one.filename.startswith(ROOT)]
    others = [one for one in frames if "/torch/" not in one.filename and one.filename != __file__]
    frame = (own or others)[-1]
    return f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}"


class OnCard(torch.Tensor):
    """A tensor that says it is on the card."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnCard:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=torch.device("cpu"),
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: CARD)  # type: ignore[assignment]
    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]

    def data_ptr(self) -> int:
        """Address of the first number."""
        return self.held.data_ptr()

    def get_device(self) -> int:
        """Number of the card."""
        return 0

    def __repr__(self, **_: object) -> str:  # type: ignore[override]
        return f"OnCard({tuple(self.shape)}, {self.dtype})"

    def __reduce_ex__(self, _protocol: object) -> Any:
        raise RuntimeError(f"a tensor on the card is written to a file at {_place()}")

    def __deepcopy__(self, memo: dict[int, object]) -> OnCard:
        copied = OnCard(self.held.clone())
        if isinstance(self, torch.nn.Parameter):
            copied = torch.nn.Parameter(copied, self.requires_grad)
        memo[id(self)] = copied
        return copied

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _operation(func, args, kwargs or {})


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnCard) else value


def _operation(func: Any, args: Any, kwargs: Any) -> Any:
    """Do an operation with at least one tensor on the card."""
    name = func._schema.name.split("::")[1]
    tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
    on, off = ([one for one in tensors if isinstance(one, OnCard) is here] for here in (True, False))
    if name == "copy_" and off:
        return _copied(*args, **kwargs)
    if off:
        _refuse_mixed(name, args, off)
    if name in WAITING:
        COUNTS.wait(name)
    elif name.startswith(("index", "_index_put")) and _has_mask(args):
        COUNTS.wait("a boolean index")
    elif name == "repeat_interleave" and func._overloadname == "Tensor" and kwargs.get("output_size") is None:
        COUNTS.wait(name)
    if name not in FREE:
        COUNTS.operations[name] += 1
    made = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    given = {id(one.held): one for one in on} if func._schema.is_mutable else {}

    def on_card(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or isinstance(value, OnCard):
            return value
        return given[id(value)] if id(value) in given else OnCard(value)

    return tree_map(on_card, made)


def _has_mask(args: Any) -> bool:
    indices = args[1] if len(args) > 1 else None
    return any(
        isinstance(one, torch.Tensor) and one.dtype in (torch.bool, torch.uint8)
        for one in tree_leaves(indices)
    )


def _refuse_mixed(name: str, args: Any, off: list[torch.Tensor]) -> None:
    """Refuse tensors of both devices, as CUDA does: single numbers and indices may lie on the host."""
    large = [one for one in off if one.dim() and one.numel()]
    if large and name.startswith(("index", "_index_put")) and isinstance(args[0], OnCard):
        COUNTS.transfers[f"an index at {_place()}"] += 1
        COUNTS.wait("an index from the host")
    elif large:
        raise RuntimeError(f"tensors of both devices in {name} at {_place()}")


# ── copies between host and card ─────────────────────────────────────────────────────────────────────────


class _Copies:
    """Copies to pinned memory that have not arrived yet."""

    def __init__(self) -> None:
        self.lock, self.pinned = threading.Lock(), set()  # type: ignore[var-annotated]
        self.number, self.waiting = 0, collections.deque()  # type: ignore[var-annotated]
        self.beside = False

    def pin(self, tensor: torch.Tensor) -> torch.Tensor:
        self.pinned.add(tensor.untyped_storage()._cdata)
        return tensor

    def is_pinned(self, tensor: torch.Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self.pinned

    def later(self, target: torch.Tensor, source: torch.Tensor) -> None:
        with self.lock, torch.no_grad():
            self.number += 1
            # A copy in the order of the steps has the value of now; one beside them may come later.
            self.waiting.append([self.number, target, source if self.beside else source.clone(), self.beside])
            target.fill_(torch.nan if target.is_floating_point() else 77)

    def read(self, number: int) -> None:
        """Have the copies up to one read what they copy: the steps wait for them."""
        with self.lock, torch.no_grad():
            for copy in self.waiting:
                if copy[0] <= number and copy[3]:
                    copy[2:] = copy[2].clone(), False

    def arrive(self, number: int) -> None:
        """Finish the copies up to one."""
        with self.lock, torch.no_grad():
            while self.waiting and self.waiting[0][0] <= number:
                _, target, source, _ = self.waiting.popleft()
                target.copy_(source)


COPIES = _Copies()


class _Event:
    """An event of a stream."""

    def __init__(self, **_: object) -> None:
        self.number = COPIES.number

    def record(self, _stream: object = None) -> None:
        self.number = COPIES.number

    def synchronize(self) -> None:
        COUNTS.wait("an event")
        COPIES.arrive(self.number)

    def query(self) -> bool:
        return not COPIES.waiting or COPIES.waiting[0][0] > self.number


class _Stream:
    """A stream: the one of the steps, or one beside it, on which nothing but copies is done."""

    def wait_stream(self, _other: object) -> None:
        """What was asked for so far is done already."""

    def wait_event(self, event: _Event) -> None:
        COPIES.read(event.number)

    def record_event(self) -> _Event:
        return _Event()


@contextlib.contextmanager
def _on_stream(_stream: _Stream) -> Iterator[None]:
    COPIES.beside = True
    try:
        yield
    finally:
        COPIES.beside = False


def _copied(target: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    COUNTS.operations["copy_"] += 1
    if isinstance(target, OnCard):
        COUNTS.transfers[f"a copy at {_place()}"] += 1
        if not non_blocking or (source.nbytes > STAGED and not COPIES.is_pinned(source)):
            COUNTS.wait("a copy to the card")
        target.held.copy_(source)
    elif non_blocking and COPIES.is_pinned(target):
        COPIES.later(target, _held(source))
    else:
        COUNTS.wait("a copy to the host")
        target.copy_(_held(source))
    return target


def _is(device: object, kind: str) -> bool:
    return (isinstance(device, torch.device) and device.type == kind) or (
        isinstance(device, str) and device.split(":")[0] == kind
    )


class _ToCard(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> Any:
        return OnCard(tensor.detach())

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient.held


def to_card(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor on the card."""
    if isinstance(tensor, OnCard):
        return tensor
    if tensor.requires_grad and torch.is_grad_enabled():
        return _ToCard.apply(tensor)
    return OnCard(tensor.detach().clone())


class _Calls(TorchFunctionMode):
    """Functions of torch that name a device, or read a tensor without an operation."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if func in (torch.Tensor.to, torch.Tensor.cuda, torch.Tensor.cpu):
            return self._moved(func, args, kwargs)
        if args and isinstance(first := args[0], OnCard):
            if name in ("numpy", "__array__"):
                raise TypeError(f"numpy of a tensor on the card at {_place()}")
            if name == "tolist":
                COUNTS.wait(name)
                return args[0].held.tolist()
            if name == "pin_memory":
                raise RuntimeError("only memory of the host can be pinned")
            if name == "record_stream":
                return None
            if name == "new_tensor" and "device" not in kwargs:
                func, args = torch.tensor, args[1:]
                kwargs |= {"device": CARD, "dtype": kwargs.get("dtype") or first.dtype}
                name = "tensor"
        if name == "pin_memory":
            return COPIES.pin(args[0].clone())
        if name == "is_pinned":
            return COPIES.is_pinned(args[0])
        pinned = kwargs.pop("pin_memory", False) if name.startswith(("empty", "zeros", "ones")) else False
        made = self._made(func, name, args, kwargs)
        return COPIES.pin(made) if pinned else made

    def _made(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        if not _is(kwargs.get("device"), "cuda"):
            if _is(kwargs.get("device"), "cpu") and name.endswith("_like"):
                args = tree_map(_held, args)
            return func(*args, **kwargs)
        made = func(*args, **kwargs | {"device": torch.device("cpu")})
        if not isinstance(made, torch.Tensor) or isinstance(made, OnCard):
            return made
        if name in ("tensor", "as_tensor", "asarray"):
            COUNTS.transfers[f"{name} at {_place()}"] += 1
            COUNTS.wait(f"torch.{name} on the card")
        elif name not in FREE:
            COUNTS.operations[name] += 1
        return to_card(made)

    def _moved(self, func: Any, args: Any, kwargs: Any) -> Any:
        tensor, rest = args[0], []
        to = "cuda" if func is torch.Tensor.cuda else "cpu" if func is torch.Tensor.cpu else ""
        for value in (*args[1:], kwargs.pop("device", None), kwargs.pop("other", None)):
            if _is(value, "cuda") or isinstance(value, OnCard):
                to = "cuda"
            elif _is(value, "cpu") or isinstance(value, torch.Tensor):
                to = "cpu"
            if isinstance(value, torch.Tensor):
                rest.append(value.dtype)
            elif value is not None and not isinstance(value, torch.device | str | bool):
                rest.append(value)
        waits = not (kwargs.pop("non_blocking", False) or any(one is True for one in args[1:]))
        if to == "cuda" and not isinstance(tensor, OnCard):
            COUNTS.transfers[f"to at {_place()}"] += 1
            if waits or (tensor.nbytes > STAGED and not COPIES.is_pinned(tensor)):
                COUNTS.wait("a copy to the card")
            tensor = to_card(tensor)
        elif to == "cpu" and isinstance(tensor, OnCard):
            COUNTS.wait("a copy to the host")
            COUNTS.operations["copy_"] += 1
            tensor = tensor.held.clone()
        if func is not torch.Tensor.to or not (rest or kwargs):
            return tensor
        return func(tensor, *rest, **kwargs)


# ── what torch says of its card ──────────────────────────────────────────────────────────────────────────

MEMORY = 80 * 10**9
"""Of the card, bytes."""


def _autocast(real: Any) -> Any:
    class Autocast(real):  # type: ignore[misc]
        def __init__(self, device_type: str, *args: Any, **kwargs: Any) -> None:
            super().__init__("cpu" if device_type == "cuda" else device_type, *args, **kwargs)

    return Autocast


class _Properties:
    uuid, major, minor, total_memory, multi_processor_count, name = (
        "pretended",
        9,
        0,
        MEMORY,
        132,
        "pretended",
    )


def _nothing(*_: object, **__: object) -> None:
    pass


def _patches() -> Iterator[Any]:
    """All that is other than on this machine."""
    answers: dict[str, Any] = {
        "is_available": True,
        "device_count": 1,
        "current_device": 0,
        "is_bf16_supported": True,
        "is_initialized": True,
        "mem_get_info": (MEMORY, MEMORY),
        "get_device_name": "pretended card",
        "get_device_capability": (9, 0),
        "get_device_properties": _Properties,
        "get_rng_state_all": [],
        "memory_allocated": 0,
    }
    nothing = (
        "_lazy_init",
        "manual_seed",
        "manual_seed_all",
        "empty_cache",
        "set_device",
        "set_rng_state_all",
    )
    for name, answer in answers.items():
        yield mock.patch.object(torch.cuda, name, lambda *_, answer=answer, **__: answer)
    for name in (*nothing, "set_per_process_memory_fraction"):
        yield mock.patch.object(torch.cuda, name, _nothing)

    def synchronize(*_: object) -> None:
        COUNTS.wait("torch.cuda.synchronize")
        COPIES.arrive(COPIES.number)

    yield mock.patch.object(torch.cuda, "synchronize", synchronize)
    yield mock.patch.object(torch.cuda, "Event", _Event)
    yield mock.patch.object(torch.cuda, "Stream", _Stream)
    yield mock.patch.object(torch.cuda, "current_stream", _Stream)
    yield mock.patch.object(torch.cuda, "stream", _on_stream)
    no_graphs = mock.Mock(side_effect=RuntimeError("a pretended card has no graphs"))
    yield mock.patch.object(torch.cuda, "make_graphed_callables", no_graphs)
    autocast = _autocast(torch.autocast)
    for owner in (torch, torch.amp, torch.amp.autocast_mode):
        yield mock.patch.object(owner, "autocast", autocast)
    for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):
        yield mock.patch.object(torch.optim.Optimizer, name, _nothing, create=True)
    yield mock.patch.object(torch.accelerator, "is_available", return_value=True)
    yield mock.patch.object(torch.accelerator, "current_accelerator", return_value=CARD)
    run = threading.Thread.run

    def with_calls(thread: threading.Thread) -> None:  # a mode is of one thread
        with _Calls():
            run(thread)

    yield mock.patch.object(threading.Thread, "run", with_calls)
    import lightning as L

    # Tensors of inference mode can't be wrapped.
    begin = L.Trainer.__init__

    @functools.wraps(begin)
    def without_inference_mode(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs | {"inference_mode": False})

    yield mock.patch.object(L.Trainer, "__init__", without_inference_mode)


@contextlib.contextmanager
def pretended_card() -> Iterator[Counts]:
    """While the block runs, this machine has a card. Gives its counters, which begin at 0."""
    COUNTS.taken()
    overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
    with contextlib.ExitStack() as stack:
        for patch in _patches():
            stack.enter_context(patch)
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, overwrite)
        stack.enter_context(_Calls())
        yield COUNTS
