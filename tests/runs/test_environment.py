"""What a run ran on."""

import json
import platform

import torch

from livergrade.runs.environment import environment


def test_what_a_run_ran_on_is_plain_and_true() -> None:
    facts = environment()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["versions"]["python"] == platform.python_version()
    assert torch.__version__.startswith(facts["versions"]["torch"])
