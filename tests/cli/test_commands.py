"""The list of commands."""

import subprocess
import sys

from livergrade.cli.commands import COMMANDS
from livergrade.config.fields import options
from livergrade.runs.paths import CONF, PACKAGE


def test_each_command_has_its_module_and_its_file_and_words_that_are_options() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py") if '\n@command("' in path.read_text("utf-8")}
    assert modules == COMMANDS.keys() == {path.stem for path in CONF.glob("*.yaml")}
    for name, command in COMMANDS.items():
        assert command.name == name
        keys = {key for key, _, _ in options(command.schema)}
        assert {command.words} - {""} <= keys
        assert set(command.refused) <= keys
        assert command.summary.endswith(".")


def test_the_list_needs_nothing_heavy() -> None:
    code = (
        "import sys; from livergrade.cli import commands, groups\n"
        "print({'torch', 'hydra', 'omegaconf', 'pandas', 'numpy'} & sys.modules.keys())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "set()\n"
