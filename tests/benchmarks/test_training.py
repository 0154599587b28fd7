import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_an_epoch_is_timed_against_the_bare_loop(manifest: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    command = [sys.executable, "benchmarks/training.py", "--device", "cpu", "--size", "32", "--batch", "2"]
    command += [
        "--steps",
        "3",
        "--rounds",
        "1",
        "--epochs",
        "1",
        "--manifest",
        str(manifest),
        "--json",
        str(told),
    ]
    environment = os.environ | {"LIVERGRADE_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(told.read_text())
    assert found["setting"]["steps"] == 3
    loops = found["loops"]
    assert set(loops) == {"bare loop", "livergrade, whole epoch", "livergrade, its steps alone"}
    assert all(f"| {name} |" in done.stdout for name in loops)
    assert loops["bare loop"]["ratio"] == 1
    whole, steps = (
        loops[f"livergrade, {what}"]["images_per_second"] for what in ("whole epoch", "its steps alone")
    )
    assert 0 < whole < steps
