"""Several runs on one GPU at the same time: each gets a share of the memory and waits for a free slot."""

import contextlib
import logging
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from filelock import FileLock, Timeout

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
    with gpu_slot(int(1 / share), Path(tempfile.gettempdir()) / f"livergrade-{gpu_id}"):
        try:
            yield
        finally:
            torch.cuda.empty_cache()  # this process may run further jobs


@contextlib.contextmanager
def gpu_slot(slots: int, folder: Path) -> Iterator[None]:
    """Take one of the slots and wait while all are taken; the slot of a killed process is free again.

    Args:
        slots: number of slots.
        folder: folder of the lock files, the same for all processes of this machine.
    """
    folder.mkdir(exist_ok=True)
    waited = False
    while True:
        for slot in range(slots):
            try:
                lock = FileLock(folder / f"{slot + 1} of {slots}", timeout=0)
                lock.acquire()
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
