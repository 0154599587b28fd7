import json
from pathlib import Path


def test_both_are_timed(script, tmp_path: Path) -> None:
    words = ["--models", "1", "--images", "12", "--patients", "6", "--views", "2"]
    words += ["--resamples", "50", "--theirs", "2", "--json", str(tmp_path / "found.json")]
    printed = script("metrics", *words)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["ours_seconds"] > 0
    assert found["theirs_seconds"].keys() >= {"2", "50"}
    assert found["ratio"] == found["theirs_seconds"]["50"] / found["ours_seconds"]
    assert "times as fast" in printed
