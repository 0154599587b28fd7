"""How a command starts: its words, its help, and its mistakes."""

import subprocess
import sys
from pathlib import Path

import pytest

from livergrade import __version__
from tests.conftest import command as run_command


@pytest.mark.parametrize(
    "names", [("train", "tune"), pytest.param(("evaluate", "compare", "plan"), marks=pytest.mark.slow)]
)
def test_help_names_its_options_and_no_other_group(names: tuple[str, ...]) -> None:
    """In one process for all of the names; that each is fast is seen by what is imported at the end."""
    code = (
        "import sys, runpy\n"
        "from hydra.core.global_hydra import GlobalHydra\n"
        f"for name in {names}:\n"
        "    sys.argv = [f'{name}.py', '--help']\n"
        "    GlobalHydra.instance().clear()\n"
        "    try: runpy.run_module(f'livergrade.{name}', run_name='__main__')\n"
        "    except SystemExit as end: assert not end.code\n"
        "    print('=' * 9)\n"
        "print('torch' in sys.modules, 'lightning' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    *helps, loaded = told.split("=" * 9 + "\n")
    assert loaded == "False False\n"
    for name, told_of in zip(names, helps, strict=True):
        assert f"python -m livergrade.{name}" in told_of
        assert ("experiment:" in told_of) == (name == "train")


@pytest.mark.parametrize("word", ["--version", "--vers"])
def test_the_version_is_that_of_livergrade(word: str, tmp_path: Path, capsys) -> None:
    run_command("compare", word, "runs=[a]", outputs=tmp_path)
    assert capsys.readouterr().out == f"livergrade {__version__}\n"


def test_a_mistake_leaves_no_folder(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "livergrade.train", "data.image_size=1"]
    environment = {"LIVERGRADE_OUTPUTS": str(tmp_path), "PATH": ""}
    told = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert told.returncode == 1
    assert "data.image_size=1: must be at least 32" in told.stderr
    assert not list(tmp_path.rglob("*.log"))


@pytest.mark.slow
def test_a_help_of_which_the_begin_is_read_has_no_traceback() -> None:
    line = f'"{sys.executable}" -m livergrade.plan --help | head -1'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Plan a study")
    assert done.stderr == ""
