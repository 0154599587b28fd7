"""What a run ran on."""

import json
import platform
import subprocess
from pathlib import Path

import pytest
import torch

from livergrade.runs import environment as module
from livergrade.runs.environment import environment, read_environment


def test_what_a_run_ran_on_is_plain_and_true() -> None:
    facts = environment(torch.device("cpu"))
    assert facts["gpu"] is None
    assert json.loads(json.dumps(facts)) == facts
    assert facts["versions"]["python"] == platform.python_version()
    assert torch.__version__.startswith(facts["versions"]["torch"])


def test_what_else_a_file_tells_is_not_read(tmp_path: Path) -> None:
    told = {"device": "cpu", "versions": {}, "HOSTNAME": "ward-7", "remote": "https://token@example.org/x"}
    (tmp_path / "environment.json").write_text(json.dumps(told))
    assert read_environment(tmp_path / "environment.json") == {"device": "cpu", "versions": {}}


def test_only_a_repository_that_tracks_the_package_tells_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> str:
        own = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(
            ["git", *own, "-C", tmp_path, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    source = tmp_path / ".venv" / "livergrade" / "runs" / "environment.py"
    source.parent.mkdir(parents=True)
    source.touch()
    (tmp_path / "thesis.tex").touch()
    git("init", "-q")
    git("add", "thesis.tex")
    git("commit", "-qm", "a stranger's")
    monkeypatch.setattr(module, "__file__", str(source))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))  # as a hook sets it
    assert module._source() == ("", False)

    monkeypatch.delenv("GIT_DIR")
    git("add", ".venv")
    git("commit", "-qm", "its own")
    commit = git("rev-parse", "HEAD")
    assert module._source() == (commit, False)
    source.with_name("new.py").touch()
    assert module._source() == (commit, True)
    source.with_name("new.py").unlink()
    source.write_text("changed")
    assert module._source() == (commit, True)
    monkeypatch.setenv("PATH", "")
    assert module._source() == ("", False)
