"""A study of Optuna in a folder."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

optuna = pytest.importorskip("optuna")

from livergrade.config.schema import TuneConfig  # noqa: E402
from livergrade.errors import UserError  # noqa: E402
from livergrade.multirun import search as searching  # noqa: E402
from livergrade.multirun.search import best_trials, completed, open_study  # noqa: E402
from livergrade.multirun.study import read_space, trials_table  # noqa: E402

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
    study.tell(again, 0.4)
    assert open_study(tmp_path, config)[1] == 1
    assert [trial.value for trial in best_trials(study)] == [0.4]  # of a loss the lowest is best
    study.tell(study.ask(), 0.4)
    assert [trial.value for trial in best_trials(study)] == [0.4, 0.4]  # a tie has no winner


def test_a_folder_of_other_options_is_refused(tmp_path: Path) -> None:
    open_study(tmp_path, TuneConfig(space=SPACE))
    with pytest.raises(UserError, match=r"was made with other options; choose another study"):
        open_study(tmp_path, TuneConfig(space=["model=senet,sknet"]))


def test_another_seed_of_the_sampler_is_refused(tmp_path: Path) -> None:
    open_study(tmp_path, TuneConfig(space=SPACE))
    with pytest.raises(UserError, match="sampler_seed: 0 there, 1 now"):
        open_study(tmp_path, TuneConfig(space=SPACE, sampler_seed=1))


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{"folds": 3}, {"prune": False}])
def test_other_folds_are_another_study(tmp_path: Path, changed: dict[str, int]) -> None:
    open_study(tmp_path, TuneConfig(space=SPACE))
    (key,) = changed
    with pytest.raises(UserError, match=rf"{key}: (5 there, 3|True there, False) now"):
        open_study(tmp_path, TuneConfig(space=SPACE, **changed))


@pytest.mark.slow
def test_an_outer_fold_is_another_study(tmp_path: Path) -> None:
    open_study(tmp_path, TuneConfig(space=SPACE), "split=kfold split.folds=2 split.fold=0")
    with pytest.raises(
        UserError, match=r"outer fold: split=kfold split\.folds=2 split\.fold=0 there, none now"
    ):
        open_study(tmp_path, TuneConfig(space=SPACE))


def test_a_study_of_an_earlier_version_had_another_objective(tmp_path: Path) -> None:
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path / 'study.db'}", study_name="livergrade", direction="maximize"
    )
    study.tell(study.ask(), 0.5)
    with pytest.raises(UserError, match="objective: balanced accuracy of the validation patients there"):
        open_study(tmp_path, TuneConfig(space=SPACE))


def trained(losses: dict[str, list[float]]) -> SimpleNamespace:
    """In place of subprocess: a fold's training leaves its model and number."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        words = dict(word.partition("=")[::2] for word in command[3:])
        folder = Path(words["hydra.run.dir"].strip("'"))
        folder.mkdir(parents=True)
        (folder / "loss").write_text(str(losses[words["model"]][int(words["split.val_fold"])]))
        return subprocess.CompletedProcess(command, 0, "", "")

    return SimpleNamespace(run=run)


def test_a_trial_that_is_worse_after_a_fold_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = {"senet": [0.5, 0.6, 0.4], "cbam": [2.0, 2.0, 2.0]}
    monkeypatch.setattr(searching, "subprocess", trained(losses))
    monkeypatch.setattr(
        searching,
        "objective",
        lambda runs: sum(float((run / "loss").read_text()) for run in runs) / len(runs),
    )
    study, _ = open_study(tmp_path, TuneConfig(space=SPACE, folds=3))
    searched = read_space(SPACE)[1]
    for _ in range(5):
        study.enqueue_trial({"model": "senet"})
    study.enqueue_trial({"model": "cbam"})
    study.optimize(lambda trial: searching.run_trial(trial, tmp_path, 3, [], searched), n_trials=6)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 5 + ["PRUNED"]
    assert study.best_value == pytest.approx(0.5)
    stopped = study.trials[5]
    assert list(stopped.intermediate_values.values()) == [2.0, 2.0]
    assert [run.name for run in searching.trial_runs(stopped, tmp_path)] == ["fold_0", "fold_1"]
    table = trials_table(study.trials)
    assert table["folds"].tolist() == [3] * 5 + [2]
    assert table["value"].isna().tolist() == [False] * 5 + [True]


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
