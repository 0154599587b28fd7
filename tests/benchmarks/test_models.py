import json
from pathlib import Path

import pytest


@pytest.mark.slow
def test_ours_is_timed_against_the_reference(script, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    words = ["--models", "senet", "--size", "32", "--batch", "2", "--steps", "1", "--rounds", "2"]
    printed = script("models", *words, "--json", told)
    rows = json.loads(told.read_text())
    assert [row["mode"] for row in rows] == ["training", "inference"]
    assert all(row["ours"] > 0 and row["theirs"] > 0 and row["reference"] == "timm" for row in rows)
    assert "| senet | training | timm |" in printed
