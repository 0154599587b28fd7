"""The starts of a run in words."""

from livergrade.reports.start_lines import duration, start_lines
from livergrade.runs.environment import Environment
from livergrade.runs.starts import timed, with_start


def test_a_run_of_one_start_needs_no_line_and_each_of_several_has_one() -> None:
    first = timed(with_start({"command": "train model=senet"}, None, None), 3700)
    assert start_lines(first) == []
    began, resumed = start_lines(
        timed(with_start({"command": "train again"}, first, "step 4, in epoch 2"), 61)
    )
    assert began.endswith(": began, 1 h 1 min 40 s: train model=senet")
    assert resumed.endswith(": resumed from step 4, in epoch 2, 1 min 1 s: train again")
    old: Environment = {"command": "train model=senet"}
    told, _ = start_lines(timed(with_start({"command": "train again"}, old, "step 4, in epoch 2"), 61))
    assert told == "time not recorded: began, duration not recorded: train model=senet"


def test_a_duration_that_is_not_known_is_said_to_be_so() -> None:
    assert duration(None) == "duration not recorded"
    assert duration(0) == "0 min 0 s"
