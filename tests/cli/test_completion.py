"""What the Tab key completes: by the function, and in a real shell on a pseudo-terminal."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from livergrade.cli.commands import COMMANDS
from livergrade.cli.completion import NAMES, SCRIPTS, answer, complete
from livergrade.config.fields import options
from livergrade.errors import UserError


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("livergrade tr", ["train "]),
        ("livergrade train mo", ["model=", "model."]),
        ("livergrade train model=s", ["model=senet ", "model=sknet "]),
        ("livergrade train model=senet,c", ["model=senet,cbam "]),
        ("livergrade train augment.bo", ["augment.border="]),
        ("livergrade train augment.border=r", ["augment.border=reflect "]),
        ("livergrade train augment.flip=", ["augment.flip=true ", "augment.flip=false "]),
        ("livergrade train trainer.compile=n", ["trainer.compile=null "]),
        ("livergrade train exp", ["experiment="]),
        ("livergrade tune mod", ["model=", "model."]),
        ("livergrade tune tri", ["trials="]),
        ("livergrade tune split.fold", []),
        ("livergrade evaluate data.icc", []),
        ("livergrade train --cf", ["--cfg "]),
        ("livergrade train --cfg j", ["job "]),
        ("livergrade completion z", ["zsh "]),
        ("livergrade nosuch mo", []),
        ("livergrade train 'augment.bo", ["augment.border="]),
    ],
)  # fmt: skip
def test_words_that_may_come_next(line: str, found: list[str]) -> None:
    assert complete(line) == (False, found)


def test_files_complete_where_files_are_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "out put.csv").touch()
    (tmp_path / ".outer").touch()
    (tmp_path / "ou\x1b[2Jt").touch()  # what would steer the terminal is not offered
    assert complete("livergrade train data.manifest=o") == (
        True,
        ["data.manifest=out put.csv", "data.manifest=outputs/"],
    )
    assert complete("livergrade predict outp") == (True, ["outputs/"])
    assert complete("livergrade predict run=outp") == (True, ["run=outputs/"])
    assert complete("livergrade predict run=./.o") == (True, ["run=./.outer"])
    assert complete("livergrade predict run=none/a") == (True, [])


def test_ones_own_groups_complete(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").touch()
    assert complete(f"livergrade train -cd {tmp_path} experiment=mi") == (False, ["experiment=mine "])


def test_a_shell_that_breaks_words_gets_what_follows_the_break() -> None:
    assert answer(["complete", "livergrade train model=se", " =:"]) == "words\nsenet \n"
    assert answer(["complete", "livergrade train model=se", " "]) == "words\nmodel=senet \n"
    with pytest.raises(UserError, match=r"^completion bsh: did you mean bash\?"):
        answer(["bsh"])
    assert {answer([shell]) for shell in SCRIPTS} == set(SCRIPTS.values())


def test_names_of_files_are_options() -> None:
    known = {key for command in COMMANDS.values() for key, _, _ in options(command.schema)}
    assert {name for name in NAMES if not name.startswith("hydra.")} <= known


def typed(shell: list[str], keys: list[tuple[str, str]], folder: Path) -> str:
    """All that a shell says when keys are typed, each after a text was seen."""
    program = folder / "livergrade"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m livergrade "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PS1": "ready> ", "TERM": "dumb"}
    parent, child = pty.openpty()
    process = subprocess.Popen(
        shell, stdin=child, stdout=child, stderr=child, env=environment, cwd=folder, start_new_session=True
    )
    os.close(child)
    said, start = "", 0
    try:
        for wanted, key in keys:
            end = time.monotonic() + 60
            while wanted not in said[start:]:
                assert time.monotonic() < end, f"{wanted!r} did not come: {said[start:]!r}"
                if select.select([parent], [], [], 0.2)[0]:
                    said += os.read(parent, 4096).decode()
            start = len(said)
            os.write(parent, key.encode())
        return said
    finally:
        process.kill()
        process.wait()
        os.close(parent)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_a_real_bash_completes(tmp_path: Path) -> None:
    (tmp_path / "my images").mkdir()
    said = typed(
        ["bash", "--norc", "--noprofile", "-i"],
        [
            ("ready> ", 'eval "$(livergrade completion bash)"; echo set\n'),
            ("set\r\n", "livergrade tra\t"),
            ("train ", "mod\t=sen\t"),
            ("senet ", "augment.bor\tref\t"),
            ("reflect ", "\x15livergrade predict my\t"),
            ("my\\ images/", "\x15exit\n"),
            ("exit", ""),
        ],
        tmp_path,
    )
    assert "livergrade train model=senet augment.border=reflect " in said.replace("\x07", "")  # the bell


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
def test_a_real_zsh_completes(tmp_path: Path) -> None:
    (tmp_path / "my images").mkdir()
    start = 'autoload -U compinit; compinit -u -D; eval "$(livergrade completion zsh)"; echo s' + "''et\n"
    said = typed(
        ["zsh", "-f", "-i"],
        [
            ("ready> ", start),
            ("set", "livergrade tra\t"),
            ("in ", "mod\t=sen\t"),
            ("et ", "augment.bor\tref\t"),
            ("lect ", "\x15livergrade predict my\t"),
            ("ages/", "\x15exit\n"),
        ],
        tmp_path,
    )
    assert "my\\ images/" in said
