"""What a run ran on."""

import json
import platform
from pathlib import Path

import torch

from livergrade.runs.environment import environment, read_environment


def test_what_a_run_ran_on_is_plain_and_true() -> None:
    facts = environment()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["versions"]["python"] == platform.python_version()
    assert torch.__version__.startswith(facts["versions"]["torch"])


def test_what_else_a_file_tells_is_not_read(tmp_path: Path) -> None:
    told = {"device": "cpu", "versions": {}, "HOSTNAME": "ward-7", "remote": "https://token@example.org/x"}
    (tmp_path / "environment.json").write_text(json.dumps(told))
    assert read_environment(tmp_path / "environment.json") == {"device": "cpu", "versions": {}}
