"""Mistakes in files of options of one's own."""

import subprocess
import sys
from pathlib import Path

import pytest

from livergrade.cli.make_config import make_config
from livergrade.errors import UserError
from tests.conftest import telling

HEAD = "# @package _global_\n"


@pytest.mark.parametrize(
    ("text", "told"),
    telling([
        (HEAD + "seed: 1\nmodel:\n\treduction: 3\n", "mine.yaml, line 4: a tab; indent with spaces"),
        (HEAD + "seed: [1\noptim:\n  lr: 2\n", "expected"),
        (HEAD + "seed: 1\nseed: 2\n", "mine.yaml, line 3: found duplicate key seed"),
        (HEAD + "# Größe\nseed: 1\n", "mine.yaml, line 2: is not UTF-8; save the file as UTF-8"),
        (HEAD + "- a\n", "mine.yaml, line 1: must hold key: value"),
        (HEAD + "split:\n  sede: 1\n", "line 3: split.sede: there is no such option; did you mean"),
        (HEAD + "seed: abc\n", "mine.yaml, line 2: seed: must be a whole number"),
        ("seed: 1\n", "mine.yaml, line 1: write # @package _global_ above"),
        (HEAD + "defaults:\n  - override /model: sent\n", "mine.yaml, line 3: model=sent: did you mean"),
        ("3\n", "mine.yaml: must hold key: value, a line each, and holds 3"),
        (HEAD + "model: senet\n", "holds options; choose a file in defaults"),
        (HEAD + "model:\n", "mine.yaml, line 2: model: can't be empty"),
        ("\xef\xbb\xbf" + HEAD + "seed: 1\n", "line 1: begins with a byte-order mark; save it as UTF-8"),
        (HEAD + "defaults:\n  - override /modle: senet\n", "line 3: modle: there is no such option"),
    ], fast=(0, 3, 5, 8, 10)),
)  # fmt: skip
def test_the_file_and_the_line_are_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "experiment" / "mine.yaml"
    file.parent.mkdir()
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as raised:
        make_config("experiment=mine", config_dir=tmp_path)
    assert told in str(raised.value)
    assert str(raised.value).startswith(str(file))
    assert len(str(raised.value).splitlines()) == 1


def test_files_that_choose_each_other_are_reported(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(HEAD + "defaults:\n  - mine\n")
    with pytest.raises(UserError, match="a file of options chooses itself in its defaults"):
        make_config("experiment=mine", config_dir=tmp_path)


def test_a_file_of_a_group_has_the_options_of_the_group(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    file = tmp_path / "model" / "mine.yaml"
    file.write_text("name: senet\nreduction: 4\n")
    assert make_config("model=mine", config_dir=tmp_path).model.reduction == 4
    file.write_text("name: senet\nreductoin: 4\n")
    with pytest.raises(UserError, match=r"mine\.yaml, line 2: model\.reductoin: .* model\.reduction"):
        make_config("model=mine", config_dir=tmp_path)


@pytest.mark.slow
def test_a_command_tells_it_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(HEAD + "seed: [1\n")
    words = [sys.executable, "-m", "livergrade.check", "-cd", str(tmp_path), "experiment=mine"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [done.stderr.strip()]
    assert "mine.yaml, line 3: expected" in done.stderr
