import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "metrics.py"


def test_both_are_timed(tmp_path: Path) -> None:
    words = ["--models", "1", "--images", "12", "--patients", "6", "--views", "2"]
    words += ["--resamples", "50", "--theirs", "2", "--json", str(tmp_path / "found.json")]
    told = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=True)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["ours_seconds"] > 0
    assert found["theirs_seconds"]["50"] > found["theirs_seconds"]["2"] > 0
    assert found["ratio"] == found["theirs_seconds"]["50"] / found["ours_seconds"]
    assert "times as fast" in told.stdout
