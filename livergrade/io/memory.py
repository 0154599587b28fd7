"""How much memory one file from a stranger may take, alone and beside those of other threads."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MOST = 8 * 2**30
"""Bytes that reading one file may take at most, however large the machine is."""

CORE_BYTES = 1_300_000_000
"""For the large images that one core decodes: one of the largest."""


def memory_for_one_file() -> int:
    """Bytes that reading one file may take: half of the memory that is free now, at most :data:`MOST`."""
    with contextlib.suppress(OSError, ValueError, StopIteration):  # not Linux
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        return min(MOST, free // 2)
    return MOST // 4


class _Process:
    """The limit of this process, which is one for all threads.

    Attributes:
        blocks: bytes that each block under way may take.
        base: bytes that were in use before the first of them.
        before: the limit that the process had then.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks: list[int] = []
        self.base, self.before = 0, 0

    def enter(self, most: int) -> None:
        import resource  # only on POSIX

        with self.lock:
            if not self.blocks:
                self.before = resource.getrlimit(resource.RLIMIT_DATA)[0]
                self.base = int(Path("/proc/self/statm").read_text("ascii").split()[5]) * os.sysconf(
                    "SC_PAGE_SIZE"
                )
            self.blocks.append(most)
            self._set(self.base + sum(self.blocks))

    def leave(self, most: int) -> None:
        with self.lock:
            self.blocks.remove(most)
            self._set(self.base + sum(self.blocks) if self.blocks else self.before)

    def _set(self, limit: int) -> None:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        most = [value for value in (limit, self.before, hard) if value != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min(most) if most else resource.RLIM_INFINITY, hard))


_process = _Process()


@contextlib.contextmanager
def memory_limit(most: int) -> Iterator[None]:
    """While the block runs, let this process take ``most`` bytes more than it has now; then MemoryError.

    The limit is of the process and not of the thread: blocks that run at the same time may take the sum of
    theirs. Elsewhere than on Linux nothing is limited.

    Args:
        most: bytes.
    """
    if sys.platform != "linux":
        yield
        return
    _process.enter(most)
    try:
        yield
    finally:
        _process.leave(most)


class Room:
    """Lets threads decode large files at the same time only as far as the memory for one file goes.

    More than one large file a core brings nothing either. A single file is always let in: its size is checked
    by whoever reads it.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.process, self.most, self.used, self.closed = 0, 0, 0, False

    @contextlib.contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Wait until ``size`` bytes are free, and hold them while the block runs.

        Raises:
            InterruptedError: the room is closed, because nothing waits for the file any more.
        """
        with self.changed:
            if self.process != os.getpid():  # a process forked while others held some
                self.process, self.used = os.getpid(), 0
                self.most = min(memory_for_one_file(), CORE_BYTES * (os.cpu_count() or 1))
            self.changed.wait_for(lambda: self.closed or not self.used or self.used + size <= self.most)
            if self.closed:
                raise InterruptedError("the command ends")
            self.used += size
        try:
            yield
        finally:
            with self.changed:
                self.used -= size
                self.changed.notify_all()

    def close(self, *, closed: bool = True) -> None:
        """Close the room, or open it again."""
        with self.changed:
            self.closed = closed
            self.changed.notify_all()


ROOM = Room()
"""The room of this process for its images."""


@contextlib.contextmanager
def reading_threads(workers: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Threads that read files. If the block is left by an exception, as by a signal, none begins another."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    except BaseException:
        ROOM.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        ROOM.close(closed=False)
