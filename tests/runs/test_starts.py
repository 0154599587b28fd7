"""What a run records of each of its starts."""

from pathlib import Path

import pytest

from livergrade.io.files import write_json
from livergrade.runs.starts import facts_before, timed, with_start


def test_what_began_a_run_and_its_time_in_all_are_kept() -> None:
    first = timed(with_start({"command": "train a"}, None, None), 60.04)
    assert (first["command"], first["seconds"], len(first["starts"])) == ("train a", 60.0, 1)
    second = timed(with_start({"command": "train train.resume=run"}, first, "step 4, in epoch 2"), 1.5)
    assert (second["command"], second["seconds"]) == ("train a", 61.5)
    assert [start["resumed"] for start in second["starts"]] == [None, "step 4, in epoch 2"]
    assert [start["seconds"] for start in second["starts"]] == [60.0, 1.5]


def test_a_time_that_is_not_known_is_no_zero(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old = with_start({"command": "resume"}, {"command": "train a"}, "step 4, in epoch 2")
    assert timed(old, 3)["seconds"] is None
    assert timed(old, 3)["command"] == "train a"

    (tmp_path / "environment.json").write_text('{"command": 3')
    earlier = facts_before(tmp_path)
    assert "is written again" in caplog.text
    lost = timed(with_start({"command": "resume"}, earlier, "step 4, in epoch 2"), 3)
    assert (lost["command"], lost["seconds"]) == ("not recorded", None)
    write_json(lost, tmp_path / "environment.json")
    assert facts_before(tmp_path)["starts"] == lost["starts"]
