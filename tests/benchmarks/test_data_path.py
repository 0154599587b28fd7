import json
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_way_is_timed_and_ours_is_true(script, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    words = ["--images", "3", "--scale", "0.2", "--size", "64", "--rounds", "1", "--json", told]
    printed = script("data_path", *words)
    ways = json.loads(told.read_text())["ways"]
    assert {"livergrade", "torchvision v1, file: rotate, resize", "torchvision v2, memory"} < set(ways)
    assert all(f"| {name} |" in printed for name in ways)
    best = ways["Pillow, file: rotate, resize, both bicubic"]["psnr"]
    assert all(mine > theirs - 0.5 for mine, theirs in zip(ways["livergrade"]["psnr"], best, strict=True))
