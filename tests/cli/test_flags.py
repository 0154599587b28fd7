"""Flags, and slips of the pen."""

from pathlib import Path

import pytest

from livergrade.cli.commands import COMMANDS
from livergrade.cli.flags import flags_first, flags_help
from livergrade.cli.words import prepared
from livergrade.errors import UserError
from tests.conftest import command


def test_a_flag_that_there_is_not_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(UserError, match=r"^--hlep: there is no such flag; did you mean --help\?$"):
        prepared(["--hlep"], COMMANDS["train"])
    for words in (["--help"], ["--multir"], ["--cfg", "job"], ["-m"], ["--config-dir=mine"]):
        assert prepared(words, COMMANDS["train"]) == words
    with pytest.raises(UserError, match="livergrade completion bash"):
        prepared(["-sc", "install=bash"], COMMANDS["train"])
    assert "--config-dir" in flags_help()


def test_a_flag_may_stand_between_options() -> None:
    words = [
        "model=senet",
        "-m",
        "seed=0,1",
        "-cd",
        "mine",
        "--config-dir=other",
        "optim.lr=-1",
        "--cfg",
        "job",
    ]
    assert flags_first(words) == [
        *("-m", "-cd", "mine", "--config-dir=other", "--cfg", "job"),
        *("model=senet", "seed=0,1", "optim.lr=-1"),
    ]
    assert flags_first(["model=senet"]) == ["model=senet"]


def test_flags_that_exclude_each_other_are_named() -> None:
    with pytest.raises(UserError, match=r"^--multirun and --cfg: only one of them can be given"):
        prepared(["model=senet", "-m", "seed=0,1", "--cfg", "job"], COMMANDS["train"])


def test_what_would_be_run_is_printed_wherever_the_flag_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("train", "model=cbam", "--cfg", "job", "seed=3", outputs=tmp_path)
    shown = capsys.readouterr().out
    assert "seed: 3" in shown
    assert "name: cbam" in shown
