"""Flags, and slips of the pen."""

import pytest

from livergrade.cli.commands import COMMANDS
from livergrade.cli.flags import flags_help
from livergrade.cli.words import prepared
from livergrade.errors import UserError


def test_a_flag_that_there_is_not_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(UserError, match=r"^--hlep: there is no such flag; did you mean --help\?$"):
        prepared(["--hlep"], COMMANDS["train"])
    for words in (["--help"], ["--multir"], ["--cfg", "job"], ["-m"], ["--config-dir=mine"]):
        assert prepared(words, COMMANDS["train"]) == words
    with pytest.raises(UserError, match="livergrade completion bash"):
        prepared(["-sc", "install=bash"], COMMANDS["train"])
    assert "--config-dir" in flags_help()
