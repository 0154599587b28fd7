from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.runs.find import find_runs
from livergrade.runs.folder import read_options
from tests.conftest import finished_run


def test_runs_are_found_at_any_depth_by_job_number(tmp_path: Path) -> None:
    for number, model in ((10, "sknet"), (2, "senet"), (1, "cbam")):
        finished_run(tmp_path / "sweep" / f"{number}_model-{model}", model)
    finished_run(tmp_path / "sweep" / "2_model-senet" / "evaluations" / "one", "senet", kind="external")
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


def test_options_come_back(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run", "cbam", seed=4, options={"optim.lr": 0.5})
    config = read_options(folder)
    assert (config.model.name, config.seed, config.optim.lr) == ("cbam", 4, 0.5)
    run = find_runs([folder])[0][0]
    assert run.settings["optim.lr"] == 0.5
    assert "seed" not in run.settings
    assert set(run.tested["split"]) == {"test"}


@pytest.mark.parametrize("text", ["format: 1\nmodel: {foo: 1}\n", "seed: [\n", "format: 1\nseed: many\n"])
def test_options_of_another_version_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match="can't be read as a run's options"):
        read_options(tmp_path)
