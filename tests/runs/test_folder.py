"""Options recorded in a run's folder."""

import json
from pathlib import Path

import pytest

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.runs.finished import mark_finished
from livergrade.runs.folder import (
    FORMAT,
    create_run_dir,
    note_failure,
    options_here,
    read_options,
    save_config,
)


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
    with pytest.raises(UserError, match=r"config\.yaml: .*\$\{\.\.\.\} stands for other values") as told:
        read_options(tmp_path)
    assert "hush" not in str(told.value)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("data.image_size", 10**6, "data.image_size=1000000: must be at least 32"),
        ("augment.step_degrees", 0.0, "augment.step_degrees=0.0: must be at least 1"),
        ("augment.step_degrees", float("nan"), "augment.step_degrees=nan: must be a finite number"),
        ("augment.test_views", "9" * 4000, "must be all, upright or a number from 1 to 36"),
        ("model.name", "evil", "model.name=evil: must be one of"),
        ("data.classes", ["../a", "b"], "data.classes: ../a is a path"),
    ],
)
def test_stored_options_pass_the_checks_of_typed_ones(
    tmp_path: Path, key: str, value: object, told: str
) -> None:
    config = TrainConfig()
    group, name = key.split(".")
    setattr(getattr(config, group), name, value)
    config.split.seed = 0
    save_config(tmp_path, config)
    with pytest.raises(UserError) as error:
        read_options(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'config.yaml'}: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_an_evaluation_of_another_cohort_has_no_split_of_its_own(tmp_path: Path) -> None:
    config = TrainConfig()
    config.split.name, config.split.fold, config.split.seed = "external", 3, 0
    save_config(tmp_path, config)
    assert read_options(tmp_path) == config


def test_what_belongs_to_the_machine_is_not_the_runs_choice() -> None:
    stored, here = TrainConfig(), TrainConfig()
    stored.data.cache_dir, stored.trainer.devices, stored.optim.lr = "/somewhere", "64", 0.5
    stored.trainer.map_patients = 3
    here.data.cache_dir = "/mine"
    used = options_here(stored, here)
    assert (used.data.cache_dir, used.trainer.devices, used.optim.lr) == ("/mine", "1", 0.5)
    assert used.trainer.map_patients == 3
    assert stored.data.cache_dir == "/somewhere"
