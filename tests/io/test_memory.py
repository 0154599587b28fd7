import sys

import pytest

from livergrade.io.memory import MOST, memory_for_one_file, memory_limit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")


def test_one_file_may_take_half_of_what_is_free() -> None:
    assert 0 < memory_for_one_file() <= MOST


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
