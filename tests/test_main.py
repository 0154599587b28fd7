"""``livergrade <command>``, which is ``python -m livergrade.<command>``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livergrade import __version__
from livergrade.__main__ import main
from livergrade.cli.commands import COMMANDS

WRONG = (
    ("train", "modle=senet", "modle: there is no such option; did you mean model?"),
    ("train", "model=sent", "model=sent: did you mean senet? one of: cbam, "),
    ("train", "--hlep", "--hlep: there is no such flag; did you mean --help?"),
    ("check", "trainer.max_epoch=3", "trainer.max_epoch: there is no such option; did you mean trainer."),
    ("evaluate", "data.icc=apply", "run: is missing; give the folder of a run"),
    ("predict", "abstian=0.5", "abstian: there is no such option; did you mean abstain?"),
    ("explain", "places=1", "places=1: must be at least 2"),
    ("export", "opset=1", "opset=1: must be at least 18"),
    ("compare", "level=slide", "level=slide: must be one of patient, image"),
    ("prepare", "icc=x", "icc=x: must be one of ignore, apply"),
    ("plan", "accuracy=ten", "accuracy=ten: must be a number"),
    ("tune", "model=sent,cbam", "model=sent: did you mean senet?"),
)  # fmt: skip


def say(monkeypatch: pytest.MonkeyPatch, *words: str, program: str = "/usr/bin/livergrade") -> None:
    monkeypatch.setattr("sys.argv", [program, *words])
    main()


def test_the_list_has_a_line_for_each_command_in_the_form_that_was_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ((), ("--help",)):
        say(monkeypatch, *words)
        told = capsys.readouterr().out
        assert "livergrade <command>" in told
        for name in COMMANDS:
            assert f"\n  {name} " in told, name
        assert max(map(len, told.splitlines())) <= 110
    say(monkeypatch, program="/x/livergrade/__main__.py")
    assert "python -m livergrade <command>" in capsys.readouterr().out
    say(monkeypatch, "--version")
    assert capsys.readouterr().out == f"livergrade {__version__}\n"


def test_a_command_that_there_is_not_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, told in (
        (["trian"], "trian: there is no such command; did you mean train? one of: train, "),
        (["completion", "bsh"], "completion bsh: did you mean bash? one of: bash, zsh"),
    ):
        with pytest.raises(SystemExit) as ended:
            say(monkeypatch, *words)
        assert ended.value.code == 1
        assert capsys.readouterr().err.startswith(told)


@pytest.mark.parametrize("wrong", [WRONG[:5], pytest.param(WRONG[5:], marks=pytest.mark.slow)])
def test_mistakes_are_told_in_one_line_before_torch_is_loaded(
    tmp_path: Path, wrong: tuple[tuple[str, str, str], ...]
) -> None:
    """All in one process, which starts each command as ``livergrade`` does."""
    code = (
        "import sys\n"
        "from hydra.core.global_hydra import GlobalHydra\n"
        "from livergrade.__main__ import main\n"
        f"for name, word, _ in {wrong!r}:\n"
        "    GlobalHydra.instance().clear()\n"
        "    sys.argv = ['livergrade', name, word]\n"
        "    try: main()\n"
        "    except SystemExit as end: assert end.code == 1, (name, end.code)\n"
        "    sys.stderr.write('=' * 9 + chr(10))\n"
        "print('torch' in sys.modules)"
    )
    environment = os.environ | {"LIVERGRADE_OUTPUTS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "False\n"
    for (name, word, wanted), told in zip(wrong, done.stderr.split("=" * 9 + "\n"), strict=False):
        lines = told.strip().splitlines()
        assert wanted in told, (name, word, told)
        assert len(lines) <= 2, told
        assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_command_is_the_same_in_both_forms(tmp_path: Path) -> None:
    said = []
    for form in (["livergrade.plan"], ["livergrade", "plan"]):
        out = tmp_path / form[0]
        words = [sys.executable, "-m", *form, "studies=50", "apart=20", f"out={out}"]
        subprocess.run(words, capture_output=True, check=True)
        said.append((out / "plan.json").read_text().split('"command"')[0])
    assert said[0] == said[1]
    helped = [sys.executable, "-m", "livergrade", "plan", "--help"]
    told = subprocess.run(helped, capture_output=True, text=True, check=True).stdout
    assert "\n  python -m livergrade plan accuracy=85" in told
