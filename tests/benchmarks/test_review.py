"""The load on the page for readers, a small one."""

from pathlib import Path

import pytest

from tests.benchmarks.scripts import load

pytest.importorskip("uvicorn")


@pytest.mark.slow
def test_no_reading_is_lost_or_doubled_under_load(tmp_path: Path) -> None:
    figures = load("review").measure(tmp_path, clients=8, readings=1200, seconds=3)
    assert figures["readings stored"] == figures["readings answered for"] == 64
    assert (figures["lost"], figures["doubled"], figures["refused"]) == (0, 0, 0)
