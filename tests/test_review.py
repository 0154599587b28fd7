"""The command as it is typed."""

from pathlib import Path

import pytest

from tests.conftest import command, telling
from tests.reading.client import options, started, write_images

pytest.importorskip("uvicorn")


@pytest.mark.parametrize(
    ("words", "told"),
    telling(
        [
            ([], "which images should be read?"),
            (["manifest=a.csv"], "readers: who reads?"),
            (["manifest=a.csv", "readers=[a]"], "a.csv: there is no such table"),
            (["manifest=a.csv", "run=b", "readers=[a]"], "both name images"),
            (["manifest=a.csv", "mode=adjudicate", "readers=[a]"], "mode=adjudicate needs"),
            (["manifest=a.csv", "mode=audit", "readers=[a]"], "mode=audit needs"),
            (["of=b", "readers=[a]"], "of: is for mode=adjudicate"),
            (["manifest=a.csv", "readers=[a]", "host=h"], "by TLS alone"),
            (["manifest=a.csv", "readers=[a]", "data.image_size=64"], "data.image_size: has no effect"),
            (["manifest=a.csv", "reader=[a]"], "did you mean readers?"),
            (["export=true"], "which images should be read?"),
        ],
        fast=(0, 2, 7, 9),
    ),
)
def test_what_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    with pytest.raises(SystemExit):
        command("review", *words, outputs=tmp_path)
    error = capfd.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_tables_are_written_without_a_page(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store, _, _ = started(tmp_path, options(write_images(tmp_path)))
    store.close()
    command("review", f"out={tmp_path / 'review'}", "export=true", outputs=tmp_path)
    assert "0 readings (0 undone)" in capfd.readouterr().out
    assert (tmp_path / "review" / "readings.csv").is_file()
