import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_way_is_timed_and_ours_is_true(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    command = [sys.executable, "benchmarks/data_path.py", "--images", "3", "--scale", "0.2", "--size", "64"]
    done = subprocess.run(
        [*command, "--rounds", "1", "--json", str(told)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    ways = json.loads(told.read_text())["ways"]
    assert {"livergrade", "torchvision v1, file: rotate, resize", "torchvision v2, memory"} < set(ways)
    assert all(f"| {name} |" in done.stdout for name in ways)
    best = ways["Pillow, file: rotate, resize, both bicubic"]["psnr"]
    assert all(mine > theirs - 0.5 for mine, theirs in zip(ways["livergrade"]["psnr"], best, strict=True))
