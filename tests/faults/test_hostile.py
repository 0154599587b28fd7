"""Every hostile and careless input is refused in one line or read right, and touches nothing of others."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.hostile.__main__ import cases, try_all, try_histories

WATCHED = """
import json, os, pathlib, shutil, sys
from tests.faults.hostile.watch import watch
mine, other = map(pathlib.Path, sys.argv[1:])
found = []
watch([mine], found.append)
(mine / "file.txt").write_text("mine")
os.rename(mine / "file.txt", mine / "renamed.txt")
(mine / "renamed.txt").read_text(), (other / "file.txt").read_text()
(mine / "link").symlink_to(other / "file.txt")
(mine / "link").unlink()
(mine / "into").symlink_to(other)
assert not found, found
for change in (
    lambda: (mine / "into" / "new.txt").write_text("through a link"),
    lambda: (other / "file.txt").open("a"),
    lambda: (mine / "renamed.txt").rename(other / "moved.txt"),
    lambda: shutil.rmtree(other / "folder"),
    lambda: (other / "file.txt").unlink(),
    lambda: os.link(other / "new.txt", other / "hard.txt"),
):
    before = len(found)
    change()
    assert len(found) > before, (change, found)
print(json.dumps(found))
"""


def test_changes_elsewhere_are_seen_through_links_too(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    (other / "folder").mkdir(parents=True)
    (other / "folder" / "deep.txt").write_text("")
    mine.mkdir()
    (other / "file.txt").write_text("another's")
    words = [sys.executable, "-c", WATCHED, str(mine), str(other)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert any("deep.txt" in each for each in json.loads(done.stdout))


@pytest.mark.slow
def test_no_input_breaches(tmp_path: Path) -> None:
    outcomes = try_all(cases(), tmp_path)
    assert [f"{each.case.name}: {each.why}" for each in outcomes if each.kind == "breached"] == []
    assert len(outcomes) >= 150


@pytest.mark.slow
def test_no_history_of_careless_commands_costs_anybody_a_file() -> None:
    assert try_histories(8, 0) == 0
