import sys
import threading
import time

import pytest

from livergrade.io.memory import MOST, ROOM, Room, memory_for_one_file, memory_limit, reading_threads


def test_one_file_may_take_half_of_what_is_free() -> None:
    assert 0 < memory_for_one_file() <= MOST


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_more_is_a_memory_error_and_the_limit_is_lifted_again() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory_limit(10**8):
        bytearray(10**7)
        with pytest.raises(MemoryError):
            bytearray(3 * 10**8)
        with memory_limit(4 * 10**8):  # another thread's, say: together they may take both
            bytearray(3 * 10**8)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    bytearray(3 * 10**8)


def test_large_files_are_read_one_after_the_other_and_small_ones_together() -> None:
    room, at_once = Room(), []

    def read(size: int) -> None:
        with room.take(size):
            at_once.append(room.used)
            time.sleep(0.02)

    for size, together in ((10**12, False), (10, True)):
        at_once.clear()
        threads = [threading.Thread(target=read, args=(size,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (max(at_once) > size) == together
    assert room.used == 0


def test_no_file_is_begun_when_nobody_waits_and_later_ones_are() -> None:
    begun: list[int] = []

    def read(number: int) -> None:
        with ROOM.take(10**12):
            begun.append(number)
            time.sleep(0.05)

    with pytest.raises(KeyboardInterrupt), reading_threads(4) as pool:
        futures = [pool.submit(read, number) for number in range(20)]
        futures[0].result()
        raise KeyboardInterrupt
    assert len(begun) <= 2
    with reading_threads(1) as pool:
        pool.submit(read, 20).result()
    assert begun[-1] == 20
