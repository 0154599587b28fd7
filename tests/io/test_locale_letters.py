"""Names in a locale without their letters, as the shell of a bare container has it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livergrade import __version__
from livergrade.io.locale_letters import locale_problem
from tests.conftest import draw_image

ASCII = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
LACKS = "this locale has no such characters in the name of a file (encoding ascii); set PYTHONUTF8=1"


def start(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Start a command in a process of its own, in a locale of ASCII alone."""
    environment = os.environ | ASCII | {"LIVERGRADE_OUTPUTS": str(folder / "outputs")}
    return subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        cwd=folder,
    )


def test_a_utf8_locale_lacks_no_letter() -> None:
    assert (locale_problem() == "") == (sys.getfilesystemencoding() == "utf-8")


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are UTF-8 whatever the locale is")


def is_told(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done
    assert LACKS in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert "rename" not in done.stderr


@pytest.mark.slow
@LINUX
def test_typed_letters_that_the_locale_lacks_are_told_by_a_process_of_it(tmp_path: Path) -> None:
    draw_image(tmp_path / "größe" / "a.png", 1, 0)
    version = start(tmp_path, "livergrade.train", "--version")
    assert (version.returncode, version.stdout) == (0, f"livergrade {__version__}\n")
    is_told(start(tmp_path, "livergrade.train", "data=folder", "data.root=größe", "hydra.run.dir=out"))
    assert [path.name for path in tmp_path.iterdir()] == ["größe"]


@LINUX
@pytest.mark.slow
def test_files_with_letters_that_the_locale_lacks_are_told_by_a_process_of_it(
    tmp_path: Path, tiny_run: Path
) -> None:
    draw_image(tmp_path / "plain" / "ä.png", 1, 0)
    is_told(start(tmp_path, "livergrade.predict", f"run={tiny_run}", "plain", "out=out"))
