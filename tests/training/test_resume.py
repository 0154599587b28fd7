"""What a second start of a job finds in its folder."""

from pathlib import Path

import pytest

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.runs.folder import note_failure, read_options
from livergrade.training.resume import finished_before
from tests.conftest import finished_run


def test_how_a_job_finds_its_folder(tmp_path: Path) -> None:
    run, config = tmp_path / "0_job", TrainConfig()
    run.mkdir()
    assert not finished_before(run, config)
    assert config.train.resume is None

    run.rmdir()
    finished_run(run, "senet")
    assert finished_before(run, read_options(run))
    other = read_options(run)
    other.data.workers = 7  # how fast, not what
    assert finished_before(run, other)
    other.optim.lr = 0.5
    with pytest.raises(UserError, match=r"optim\.lr: 0\.001 there, 0\.5 now"):
        finished_before(run, other)

    (run / "finished.json").unlink()
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").touch()
    config = read_options(run)
    assert not finished_before(run, config)
    assert config.train.resume == str(run)

    note_failure(run, ValueError("no"), ["model=senet"])
    config = read_options(run)
    assert not finished_before(run, config)
    assert config.train.resume is None
    assert not (run / "checkpoints").exists()
    assert not (run / "failed.json").exists()
    assert not (run / "config.yaml").exists()
