"""A finished run that is to be resumed: nothing of it is written, however its folder was given."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import train


def bytes_of(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()
    }


def test_a_finished_run_is_left_as_it_is_wherever_its_name_stands(
    tiny_run: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    folder = shutil.copytree(tiny_run, tmp_path / "runs" / "run")
    before = bytes_of(folder)
    (tmp_path / "local").mkdir()  # as conf/local, where one's own paths stand
    local = tmp_path / "local" / "default.yaml"
    local.write_text(f"train:\n  resume: {folder}\ntrainer:\n  max_epochs: 9\n")
    monkeypatch.setenv("RUNS", str(folder.parent))
    monkeypatch.chdir(folder)
    for words in (
        ["train.resume=${oc.env:RUNS}/run"],
        ["train.resume=."],
        [f"hydra.searchpath=[{tmp_path}]", "trainer.progress=false"],
        [f"train.resume={folder}", "trainer.accelerator=cpu", f"hydra.run.dir={tmp_path / 'other'}"],
    ):
        with pytest.raises(SystemExit) as end:
            train(*words, outputs=tmp_path)
        assert not end.value.code, words
        assert "already finished" in capsys.readouterr().out, words
    assert bytes_of(folder) == before
    assert not (tmp_path / "other").exists()


def test_a_run_is_not_resumed_into_the_folder_of_another(tiny_run: Path, tmp_path: Path, capfd) -> None:
    stopped, other = (shutil.copytree(tiny_run, tmp_path / name) for name in ("stopped", "other"))
    (stopped / "finished.json").unlink()
    before = bytes_of(other)
    with pytest.raises(SystemExit) as end:
        train(f"train.resume={stopped}", f"hydra.run.dir={other}", outputs=tmp_path)
    assert end.value.code == 1
    assert (
        f"hydra.run.dir={other}: a resumed run continues in its own folder {stopped}"
        in capfd.readouterr().err
    )
    assert bytes_of(other) == before
