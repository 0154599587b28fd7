"""A study of Optuna in a folder."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

optuna = pytest.importorskip("optuna")

from livergrade.config.schema import TuneConfig  # noqa: E402
from livergrade.errors import UserError  # noqa: E402
from livergrade.multirun.search import best_trials, completed, open_study  # noqa: E402

SPACE = ["model=senet,cbam"]


def test_a_killed_trial_is_queued_again_and_not_counted(tmp_path: Path) -> None:
    config = TuneConfig(space=SPACE, trials=3)
    study, left = open_study(tmp_path, config)
    assert left == 3
    assert not completed(study)
    killed = study.ask()
    drawn = killed.suggest_categorical("model", ["senet", "cbam"])
    finished = study.ask()
    finished.suggest_categorical("model", ["senet", "cbam"])
    study.tell(finished, 0.5)
    study, left = open_study(tmp_path, config)
    assert completed(study)
    assert left == 2
    again = study.ask()
    assert again.suggest_categorical("model", ["senet", "cbam"]) == drawn
    study.tell(again, 0.6)
    assert open_study(tmp_path, config)[1] == 1
    assert [trial.value for trial in best_trials(study)] == [0.6]
    study.tell(study.ask(), 0.6)
    assert [trial.value for trial in best_trials(study)] == [0.6, 0.6]  # a tie has no winner


def test_a_folder_of_other_options_is_refused(tmp_path: Path) -> None:
    open_study(tmp_path, TuneConfig(space=SPACE))
    with pytest.raises(UserError, match=r"was made with other options; choose another study"):
        open_study(tmp_path, TuneConfig(space=["model=senet,sknet"]))


def test_another_seed_of_the_sampler_is_refused(tmp_path: Path) -> None:
    open_study(tmp_path, TuneConfig(space=SPACE))
    with pytest.raises(UserError, match="sampler_seed: 0 there, 1 now"):
        open_study(tmp_path, TuneConfig(space=SPACE, sampler_seed=1))


def test_a_later_start_does_not_draw_what_the_first_one_drew(tmp_path: Path) -> None:
    for _ in range(2):
        study, _ = open_study(tmp_path, TuneConfig(space=SPACE))
        for _ in range(2):
            trial = study.ask()
            trial.suggest_float("optim.lr", 1e-4, 1e-2)
            study.tell(trial, 0.5)
    assert len({trial.params["optim.lr"] for trial in study.trials}) == 4


def test_a_study_lies_in_its_folder_whatever_that_is_called(tmp_path: Path) -> None:
    out = tmp_path / "a?mode=b #%41"
    out.mkdir()
    for _ in range(2):
        open_study(out, TuneConfig(space=SPACE))
    assert [path.name for path in out.iterdir()] == ["study.db"]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_study_whose_tables_hold_nonsense_is_told(tmp_path: Path) -> None:
    open_study(tmp_path, TuneConfig(space=SPACE))
    with closing(sqlite3.connect(tmp_path / "study.db")) as file:
        file.execute("UPDATE study_user_attributes SET value_json = 'no json'")
        file.commit()
    with pytest.raises(UserError, match=r"study\.db: can't be read as a study \("):
        open_study(tmp_path, TuneConfig(space=SPACE))
