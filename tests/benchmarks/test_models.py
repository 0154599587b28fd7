import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_ours_is_timed_against_the_reference(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    command = [sys.executable, "benchmarks/models.py", "--models", "senet", "--size", "32", "--batch", "2"]
    done = subprocess.run(
        [*command, "--steps", "1", "--rounds", "2", "--json", str(told)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(told.read_text())
    assert [row["mode"] for row in rows] == ["training", "inference"]
    assert all(row["ours"] > 0 and row["theirs"] > 0 and row["reference"] == "timm" for row in rows)
    assert "| senet | training | timm |" in done.stdout
