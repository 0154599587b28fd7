"""Several runs on one GPU at the same time: each gets a share of the memory and waits for a free slot."""

import contextlib
import logging
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from filelock import Timeout

from livergrade.errors import UserError
from livergrade.io.home import expanded
from livergrade.io.locks import file_lock

log = logging.getLogger(__name__)


@contextlib.contextmanager
def gpu_share(device: torch.device, share: float | None) -> Iterator[None]:
    """Limit this process to a share of the GPU's memory while the context is active.

    PyTorch refuses allocations beyond the share, so that a run that needs more fails without harming others.
    Runs on one machine with the same share use the same slots; a run without a share takes no slot.

    Args:
        device: device of the run; no effect unless it is a CUDA device.
        share: share of the device's memory, in (0, 1]; None for no limit.
    """
    if share is None or device.type != "cuda":
        yield
        return
    gpu_id = torch.cuda.get_device_properties(device).uuid
    torch.cuda.set_per_process_memory_fraction(share, device)
    with gpu_slot(int(1 / share), locks_folder() / str(gpu_id)):
        try:
            yield
        finally:
            torch.cuda.empty_cache()  # this process may run further jobs
            torch.cuda.set_per_process_memory_fraction(1.0, device)


def locks_folder() -> Path:
    """Folder of this user's locks on this machine: ``$XDG_CACHE_HOME`` or ``~/.cache``.

    The shared temporary folder is no place for them, since other users could take the names there first. A
    folder that lasts as long as a session could differ between two runs.
    """
    return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "livergrade-gpu-slots"


def private_folder(folder: Path) -> None:
    """Create a folder that only this user may read and write.

    Raises:
        UserError: it is a link, belongs to somebody else, may be written by others, or can't be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UserError(f"{folder}: can't be made ({error.strerror}); leave out trainer.gpu_share") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise UserError(f"{folder}: must be a folder that only you may write; remove it, or chmod 700")


@contextlib.contextmanager
def gpu_slot(slots: int, folder: Path) -> Iterator[None]:
    """Take one of the slots and wait while all are taken; the slot of a killed process is free again.

    Args:
        slots: number of slots.
        folder: folder of the lock files, the same for all of this user's processes on this machine.

    Raises:
        UserError: the folder, or a file in it, is not this user's alone.
    """
    private_folder(folder)
    waited = False
    while True:
        for slot in range(slots):
            try:
                lock = file_lock(folder / f"{slot + 1} of {slots}")
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield
            finally:
                lock.release()
            return
        if not waited:
            log.info("waiting for one of %d slots on the GPU", slots)
        waited = True
        time.sleep(0.2)
