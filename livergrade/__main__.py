"""All commands behind one name: ``livergrade train model=senet`` is ``python -m livergrade.train`` with it.

Nothing heavy is imported before the command is known, so that the list of the commands is shown at once.
"""

import re
import runpy
import sys

from livergrade import __version__
from livergrade.cli.commands import CALLED, COMMANDS
from livergrade.cli.completion import answer
from livergrade.errors import UserError
from livergrade.io.similar import similar
from livergrade.io.visible import message as printable

HELP = """Grade H&E histology by degree of differentiation.

  {called}<command> [key=value ...]

Commands, each with a help of its own, as {called}train --help:

{commands}

  completion  Print a script for the Tab key; in ~/.bashrc: eval "$(livergrade completion bash)"
"""

_FIRST = r"[.;](?=\s|$)"
"""Where the first sentence of a summary ends."""


def main() -> None:
    """Start the command that is named first, with the words after it."""
    program, *words = sys.argv
    CALLED.set("python -m livergrade " if program.endswith("__main__.py") else "livergrade ")
    name = words[0] if words else "--help"
    if name in ("--help", "-h", "help"):
        sys.stdout.write(_help())
    elif name == "--version":
        sys.stdout.write(f"livergrade {__version__}\n")
    elif name in COMMANDS:
        sys.argv = [program, *words[1:]]
        runpy.run_module(f"livergrade.{name}", run_name="__main__", alter_sys=True)
    else:
        try:
            if name != "completion":
                raise UserError(
                    f"{name}: there is no such command; {similar(name, [*COMMANDS, 'completion'])}"
                )
            sys.stdout.write(answer(words[1:]))
        except UserError as error:
            sys.stderr.write(f"{printable(error)}\n")
            raise SystemExit(1) from None


def _help() -> str:
    lines = [f"  {command.name:<12}{re.split(_FIRST, command.summary)[0]}." for command in COMMANDS.values()]
    return HELP.format(called=CALLED.get(), commands="\n".join(lines))


if __name__ == "__main__":
    main()
