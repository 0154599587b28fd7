"""What a second start of a job finds in its folder."""

import shutil
from pathlib import Path

import pytest

from livergrade.config.schema import TrainConfig
from livergrade.data.patient_alias import read_alias
from livergrade.errors import UserError
from livergrade.runs.folder import note_failure, read_options
from livergrade.training.resume import finished_before, take_over
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
    left = run / "earlier_start_1"
    assert sorted(path.name for path in left.iterdir()) == ["checkpoints", "config.yaml", "failed.json"]
    assert (left / "checkpoints" / "last.ckpt").is_file()


def test_what_is_nobodys_leftover_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events").write_text("curves")
    for number in (1, 2):
        assert not finished_before(tmp_path, TrainConfig())
        assert (tmp_path / "notes.txt").read_text() == "mine"
        assert (tmp_path / f"earlier_start_{number}" / "tensorboard" / "events").read_text() == "curves"
        (tmp_path / "tensorboard").mkdir()
        (tmp_path / "tensorboard" / "events").write_text("curves")


def test_a_finished_job_is_taken_over_as_long_as_its_data_is_the_same(
    tiny_run: Path, manifest: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("*.ckpt"))
    shutil.copytree(manifest.parent, tmp_path / "cohort")
    config = read_options(run)
    config.data.manifest = str(tmp_path / "cohort" / "cohort.csv")
    before = Path(config.data.manifest).read_text()
    Path(config.data.manifest).write_text(before.replace("W03,well", "W03,moderate"))
    with pytest.raises(UserError, match="well there, moderate here") as told:
        take_over(run, config)
    note_failure(run, told.value, [])
    Path(config.data.manifest).write_text(before)
    take_over(run, config)
    assert not (run / "failed.json").exists()  # it was refused at one start, and is as good as before


def test_a_finished_job_is_not_taken_for_one_of_another_table_of_names(tmp_path: Path) -> None:
    run, alias = tmp_path / "0_job", tmp_path / "alias.csv"
    alias.write_text("patient,same_as\nP000,P001\n")
    finished_run(run, "senet", options={"data.patient_alias": str(alias)})
    read_alias(alias).keep(run)
    config = read_options(run)
    assert finished_before(run, config)
    alias.write_text("patient,same_as\n")
    with pytest.raises(UserError, match=r"alias\.csv: was changed"):
        finished_before(run, config)
