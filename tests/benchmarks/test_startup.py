import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def timed(folder: Path, *words: str) -> dict[str, dict[str, float]]:
    """The rows of the table by what was waited for."""
    told = folder / "told.json"
    command = [sys.executable, "benchmarks/startup.py", "--rounds", "1", "--json", str(told), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = json.loads(told.read_text())["rows"]
    assert all(f"| {row['until']} | {row['livergrade']:.2f} |" in done.stdout for row in rows)
    return {row["until"]: row for row in rows}


@pytest.mark.slow
def test_answers_are_timed(tmp_path: Path) -> None:
    other = tmp_path / "src" / "train.py"
    other.parent.mkdir()
    other.write_text("import time; time.sleep(0.1)")
    found = timed(tmp_path, "--what=--help,--cfg job", f"--lht={tmp_path}")
    assert list(found) == ["--help", "--cfg job"]
    for row in found.values():
        assert row["livergrade"] > 0
        assert row["template"] > 0.1
        assert row["ratio"] == row["livergrade"] / row["template"]  # of the one round


@pytest.mark.slow
def test_a_start_is_timed_until_it_trains(tmp_path: Path) -> None:
    found = timed(tmp_path, "--scale=0.05")
    assert list(found) == ["--help", "--cfg job", "first step"]
    answered, composed, trained = (row["livergrade"] for row in found.values())
    assert trained > max(answered, composed)


@pytest.mark.slow
def test_a_command_that_fails_is_not_timed(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("raise ValueError('no such thing')")
    command = [sys.executable, "benchmarks/startup.py", "--what=--help", "--lht", str(tmp_path)]
    done = subprocess.run([*command, "--rounds", "1"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no such thing" in done.stderr
