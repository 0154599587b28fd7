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


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are UTF-8 whatever the locale is")
def test_a_process_of_a_locale_without_the_letters_says_what_to_set(tmp_path: Path, tiny_run: Path) -> None:
    draw_image(tmp_path / "größe" / "a.png", 1, 0)
    version = start(tmp_path, "livergrade.train", "--version")
    assert (version.returncode, version.stdout) == (0, f"livergrade {__version__}\n")
    root = ["data=folder", "data.root=größe", r"data.patient_pattern='(?P<patient>\w+)'"]
    (tmp_path / "plain").mkdir()
    (tmp_path / "größe" / "a.png").rename(tmp_path / "plain" / "ä.png")
    for words in (
        ["livergrade.train", *root, "data.classes=[poor,well]", "hydra.run.dir=out"],
        ["livergrade.predict", f"run={tiny_run}", "plain", "out=out"],
    ):
        told = start(tmp_path, *words)
        assert told.returncode == 1, told
        assert LACKS in told.stderr, told.stderr
        assert "Traceback" not in told.stderr
        assert "rename" not in told.stderr
    assert not (tmp_path / "outputs").exists()
