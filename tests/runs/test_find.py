"""Finished runs in folders that somebody names."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.runs.find import find_runs
from tests.conftest import finished_run


def test_runs_are_found_at_any_depth_by_job_number(tmp_path: Path) -> None:
    for number, model in ((10, "sknet"), (2, "senet"), (1, "cbam")):
        finished_run(tmp_path / "sweep" / f"{number}_model-{model}", model)
    finished_run(tmp_path / "sweep" / "2_model-senet" / "evaluations" / "one", "senet", kind="external")
    finished_run(tmp_path / "sweep" / "2_model-senet" / "earlier_start_1", "senet")
    finished_run(tmp_path / "sweep" / "earlier_start_1" / "3_model-senet", "senet")
    (tmp_path / "sweep" / "10_model-sknet" / "finished.json").unlink()
    runs, unfinished = find_runs([tmp_path])
    assert [run.model for run in runs] == ["cbam", "senet"]
    assert unfinished == [f"{tmp_path}/sweep/10_model-sknet: not finished"]
    again, _ = find_runs([runs[1].folder, tmp_path / "sweep"])
    assert [run.model for run in again] == ["senet", "cbam"]  # each once, in the order given


def test_every_folder_without_a_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as error:
        find_runs([tmp_path / "nowhere", tmp_path / "empty"])
    assert f"{tmp_path}/nowhere: there is no such folder" in str(error.value)
    assert f"{tmp_path}/empty: holds no finished run" in str(error.value)
    with pytest.raises(UserError, match="no folder was given"):
        find_runs([])
