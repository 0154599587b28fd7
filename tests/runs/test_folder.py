"""Options recorded in a run's folder."""

import json
from pathlib import Path

import pytest

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.runs.folder import FORMAT, create_run_dir, mark_finished, note_failure, read_options


@pytest.mark.parametrize("text", ["format: 1\nmodel: {foo: 1}\n", "seed: [\n", "format: 1\nseed: many\n"])
def test_options_of_another_version_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match="can't be read as a run's options"):
        read_options(tmp_path)


def test_a_folder_is_taken_once_and_resumed_by_name(tmp_path: Path) -> None:
    config = TrainConfig(seed=7)
    config.split.seed = 7
    create_run_dir(tmp_path, config)
    assert read_options(tmp_path) == config
    with pytest.raises(UserError, match=r"another run is there; continue it with train\.resume="):
        create_run_dir(tmp_path, config)
    mark_finished(tmp_path)
    (tmp_path / ".history.csv.0123456789abcdef.part").write_text("half")
    config.train.resume = str(tmp_path)
    create_run_dir(tmp_path, config)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", "config.yaml"]


def test_a_failure_is_noted_with_the_job(tmp_path: Path) -> None:
    note_failure(tmp_path, ValueError("no"), ["model=senet"])
    told = json.loads((tmp_path / "failed.json").read_text())
    assert (told["job"], told["error"], told["message"]) == (["model=senet"], "ValueError", "no")


def test_a_stored_option_is_never_filled_in_from_this_machine(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SECRET", "hush")
    (tmp_path / "config.yaml").write_text(f"format: {FORMAT}\nmodel: {{backbone: '${{oc.env:SECRET}}'}}\n")
    with pytest.raises(UserError, match=r"\$\{oc\.env:SECRET\}' would be filled in") as told:
        read_options(tmp_path)
    assert "hush" not in str(told.value)
