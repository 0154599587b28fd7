import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "scaling.py"


@pytest.mark.slow
def test_memory_is_told_for_each_cohort(tmp_path: Path) -> None:
    words = ["--images", "54,108", "--caches", "disk", "--limit-batches", "1", "--json", tmp_path / "a.json"]
    told = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True, check=True
    )
    small, large = json.loads((tmp_path / "a.json").read_text())
    assert told.stdout.count("| disk |") == 2
    assert (small["images"], large["images"]) == (54, 108)
    for found in (small, large):
        assert found["second"]["VmHWM"] >= found["second"]["RssAnon"] > 100
        assert found["second"]["epochs"] == 1
    side = 52  # ceil(1.6 × 32)
    assert large["disk"] - small["disk"] == pytest.approx(54 * side * side * 3 / 1e6, rel=0.1)
