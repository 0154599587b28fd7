"""The list of commands."""

import re
import subprocess
import sys

import pytest

from livergrade.cli.commands import COMMANDS
from livergrade.cli.make_config import make_config
from livergrade.config.fields import describe, options
from livergrade.errors import UserError
from livergrade.runs.paths import CONF, PACKAGE


def test_each_command_has_its_module_and_its_file_and_words_that_are_options() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py") if '\n@command("' in path.read_text("utf-8")}
    assert modules == COMMANDS.keys() == {path.stem for path in CONF.glob("*.yaml")}
    for name, command in COMMANDS.items():
        assert command.name == name
        keys = {key for key, _, _ in options(command.schema)}
        taken = keys | {key for key, _, _ in options(COMMANDS["train"].schema) if command.all_words}
        assert {command.words} - {""} <= keys
        assert set(command.refused) <= taken
        assert command.summary.endswith(".")


NEEDED = {
    "train": {"data": "manifest", "data.manifest": "cohort.csv"},
    "evaluate": {"run": "a", "data": "manifest", "data.manifest": "cohort.csv"},
    "predict": {"run": "a", "inputs": "[a.png]"},
    "explain": {"run": "a"},
    "export": {"run": "a"},
    "prepare": {"slides": "[a.svs]"},
    "agreement": {"readings": "a.csv"},
    "review": {"readers": "[anna]", "data": "manifest", "data.manifest": "cohort.csv"},
}
"""What a command can't do without."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in ("train", "evaluate", "review")))
        for name in COMMANDS
    ],
)
def test_every_option_that_the_help_shows_can_be_set(name: str) -> None:
    command = COMMANDS[name]
    shown = re.findall(r"^  ([\w.]+)=(.*)$", describe(command.schema, without=command.refused), re.MULTILINE)
    given = {
        key: f"'{value}'" if " " in value else value for key, value in shown if not value.startswith("<")
    }
    given |= NEEDED.get("train" if name == "check" else name, {})
    given.pop("data.name", None)
    assert make_config(*(f"{key}={value}" for key, value in given.items()), command=name)
    for key in command.refused if name in NEEDED else ():
        assert key not in given
        with pytest.raises(UserError, match=re.escape(key)):
            make_config(*(f"{k}={v}" for k, v in NEEDED[name].items()), f"{key}=64", command=name)


def test_the_list_needs_nothing_heavy() -> None:
    code = (
        "import sys; from livergrade.cli import commands, groups\n"
        "print({'torch', 'hydra', 'omegaconf', 'pandas', 'numpy'} & sys.modules.keys())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "set()\n"
