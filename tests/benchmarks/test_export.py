import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_file_is_timed_against_pytorch(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    command = [sys.executable, "benchmarks/export.py", "--models=resnet50", "--sizes=32", "--image=60x50"]
    done = subprocess.run(
        [*command, "--views=1", "--rounds=1", "--json", str(told)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (row,) = json.loads(told.read_text())
    assert row["ratio"] == row["torch_ms"] / row["onnx_ms"]  # of the one round
    assert 90 < row["mb"] < 100
    assert 0 < row["max_difference"] < 0.02  # of random weights and noise
    assert "| resnet50 | 32 | 94 |" in done.stdout
    assert row["int8"]["mb"] < row["float16"]["mb"] < 0.6 * row["mb"]
    assert row["int8"]["ratio"] == pytest.approx(row["onnx_ms"] / row["int8_ms"])
