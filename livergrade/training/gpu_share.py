"""Several runs side by side on one GPU: each has its share of the memory, and waits for one to be free."""

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
    """Have this share of a GPU's memory, and no more, for as long as the context lasts.

    PyTorch refuses the run what goes beyond it, so that a run that needs more fails alone. The runs of one
    machine that ask for an equal share count together; one that asks for none is not counted.

    Args:
        device: where the run is; nothing happens unless it is a CUDA device.
        share: of its memory, in (0, 1]; None for no limit.
    """
    if share is None or device.type != "cuda":
        yield
        return
    card = torch.cuda.get_device_properties(device).uuid
    torch.cuda.set_per_process_memory_fraction(share, device)
    with one_of(int(1 / share), Path(tempfile.gettempdir()) / f"livergrade-{card}"):
        try:
            yield
        finally:
            torch.cuda.empty_cache()  # this process may have other jobs to run


@contextlib.contextmanager
def one_of(places: int, folder: Path) -> Iterator[None]:
    """Hold one of so many places, and wait where all are taken; one whose holder was killed is free.

    Args:
        places: how many there are.
        folder: what names them, for all processes of this machine.
    """
    folder.mkdir(exist_ok=True)
    waited = False
    while True:
        for place in range(places):
            try:
                lock = FileLock(folder / f"{place + 1} of {places}", timeout=0)
                lock.acquire()
            except Timeout:
                continue
            try:
                yield
            finally:
                lock.release()
            return
        if not waited:
            log.info("waiting for one of %d places on the GPU", places)
        waited = True
        time.sleep(0.2)
