"""Writes checkpoints while training goes on: a thread writes a copy of the state in the host's memory."""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import CheckpointIO
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor

from livergrade.errors import UserError


class HostCopy:
    """A copy of a state in the host's memory.

    Args:
        state: any nesting of containers; tensors are copied, all else is kept.
        spare: tensors of an earlier copy of a like state, to be overwritten: new memory costs as much again.
        still: addresses of tensors that do not change before :meth:`hold` was called: they are copied beside
            the next step, in the host's memory by a thread, from a GPU on a stream of its own.

    Attributes:
        content: the same with the copies, which are valid once :meth:`wait` returned.
        tensors: all copies, in order.
    """

    def __init__(
        self, state: Mapping[str, Any], spare: list[Tensor], still: Container[int] = frozenset()
    ) -> None:
        self.spare, self.tensors, self.still = spare, list[Tensor](), still
        self.left: list[tuple[Tensor, Tensor]] = []
        self.left_on_gpu: list[tuple[Tensor, Tensor]] = []
        self.from_gpu = False
        with torch.no_grad():
            self.content: dict[str, Any] = apply_to_collection(dict(state), Tensor, self._copy)
        self.spare = []
        self.copied: list[torch.cuda.Event] = []
        if self.from_gpu:
            self._copy_from_gpu()
        self.thread = threading.Thread(target=self._copy_rest, name="checkpoint's copy")
        self.thread.start()

    def _copy(self, tensor: Tensor) -> Tensor:
        """Copy one tensor, or note it; on a GPU in the order of the steps, which can't change it then."""
        on_gpu = tensor.device.type == "cuda"
        self.from_gpu |= on_gpu
        place = len(self.tensors)
        target = self.spare[place] if place < len(self.spare) else None
        kind = tensor.shape, tensor.dtype, tensor.stride()
        if target is None or (target.shape, target.dtype, target.stride()) != kind:
            target = torch.empty_like(tensor, device="cpu", pin_memory=on_gpu)
        self.tensors.append(target)
        if tensor.data_ptr() in self.still:
            (self.left_on_gpu if on_gpu else self.left).append((target, tensor.detach()))
            return target
        return target.copy_(tensor.detach(), non_blocking=on_gpu)

    def _copy_from_gpu(self) -> None:
        """Start the copies that were noted, after what the GPU has to do so far and beside what comes."""
        steps, beside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(steps)
        with torch.cuda.stream(beside):
            for target, tensor in self.left_on_gpu:
                target.copy_(tensor, non_blocking=True)
        self.left_on_gpu.clear()
        self.copied = [steps.record_event(), beside.record_event()]

    def hold(self) -> None:
        """Let what changes the tensors come after their copies: the host waits for its own, a GPU for its."""
        self.thread.join()
        for event in self.copied:
            torch.cuda.current_stream().wait_event(event)

    def _copy_rest(self) -> None:
        for target, tensor in self.left:
            target.copy_(tensor)
        self.left.clear()

    def wait(self) -> None:
        """Wait until all is copied."""
        self.thread.join()
        for event in self.copied:
            event.synchronize()

    def finite(self) -> bool:
        """Return whether every weight of the network is a finite number."""
        weights: dict[str, Tensor] = self.content.get("state_dict", {})
        extremes = [
            torch.stack(tensor.aminmax()).isfinite().all()
            for name, tensor in weights.items()
            if name.startswith("net.") and tensor.is_floating_point() and tensor.numel()
        ]
        return not extremes or bool(torch.stack(extremes).all())


class BackgroundWriter(CheckpointIO):
    """Writes checkpoints in a thread, one after the other in the order in which they were given.

    While one is written at most one waits, however slow the disk is: a later state of the same file takes its
    place, and one of another file is not copied before there is room. An error of the thread is raised by the
    next call. A state whose weights are not finite numbers is not written, so that the file keeps the earlier
    one: the next batch's loss would show it too late.

    Args:
        files: writes, reads and removes the files.
    """

    def __init__(self, files: CheckpointIO) -> None:
        self.files = files
        self.changed = threading.Condition()
        self.waiting: tuple[Path, HostCopy] | None = None
        self.thread: threading.Thread | None = None
        self.error: BaseException | None = None
        self.spare: dict[Path, list[Tensor]] = {}
        self.optimizers: Sequence[torch.optim.Optimizer] = ()
        self.latest: list[HostCopy] = []

    def until_next_step(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        """Copy what these optimizers change while training goes on, until :meth:`finish_copies` is called."""
        self.optimizers = optimizers

    def finish_copies(self) -> None:
        """Have all copied first: a weight that was given is changed now."""
        while self.latest:
            self.latest.pop().hold()

    def _still(self) -> set[int]:
        """Addresses of the weights, and of the state, that the optimizers alone change."""
        return {
            tensor.data_ptr()
            for optimizer in self.optimizers
            for values in (*(group["params"] for group in optimizer.param_groups), *optimizer.state.values())
            for tensor in (values.values() if isinstance(values, dict) else values)
            if isinstance(tensor, Tensor) and tensor.device.type in ("cpu", "cuda") and tensor.numel()
        }

    def save_checkpoint(
        self,
        checkpoint: Mapping[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ANN401 - Lightning's signature
    ) -> None:
        """Copy ``checkpoint`` at once, and have it written.

        Raises:
            UserError: an earlier one could not be written.
        """
        path = Path(path)
        with self.changed:
            if self.waiting and self.waiting[0] == path:
                self.spare[path] = self.waiting[1].tensors
                self.waiting = None
            self.changed.wait_for(lambda: self.waiting is None)
            spare = self.spare.pop(path, [])
        self._raise_error()
        copy = HostCopy(checkpoint, spare, self._still())
        self.latest.append(copy)
        with self.changed:
            self.waiting = path, copy
            if self.thread is None:
                self.thread = threading.Thread(target=self._write_waiting, name="checkpoints")
                self.thread.start()

    def _write_waiting(self) -> None:
        """Write what waits until nothing does."""
        while True:
            with self.changed:
                waiting, self.waiting = self.waiting, None
                self.thread = self.thread if waiting else None
                self.changed.notify_all()
            if waiting is None:
                return
            path, copy = waiting
            try:
                self._write(path, copy)
            except BaseException as error:
                self.error = self.error or error
            with self.changed:
                self.spare[path] = copy.tensors

    def _write(self, path: Path, copy: HostCopy) -> None:
        copy.wait()
        if not copy.finite():
            raise UserError(
                f"weights are not finite after step {copy.content.get('global_step')}; {path} contains the "
                "previous ones. Lower optim.lr, or set trainer.precision=32-true."
            )
        self.files.save_checkpoint(copy.content, path)

    def _raise_error(self) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = None,  # noqa: ANN401 - Lightning's signature
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint."""
        return self.files.load_checkpoint(path, map_location, weights_only)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint."""
        self.files.remove_checkpoint(path)

    def teardown(self) -> None:
        """Wait until all is written, and give the memory of the copies back.

        Raises:
            UserError: something could not be written.
        """
        self.finish_copies()
        with self.changed:
            self.changed.wait_for(lambda: self.thread is None)
            self.spare.clear()
        self._raise_error()


def finish_copies(trainer: L.Trainer) -> None:
    """Wait until a trainer's checkpoints are copied, before its weights change."""
    if isinstance(trainer.strategy.checkpoint_io, BackgroundWriter):
        trainer.strategy.checkpoint_io.finish_copies()
