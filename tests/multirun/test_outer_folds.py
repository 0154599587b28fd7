"""The search without each outer fold."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("optuna")

from livergrade.config.schema import TuneConfig
from livergrade.multirun import outer_folds
from livergrade.multirun.outer_folds import search_outer_folds
from livergrade.multirun.study import log_loss
from livergrade.runs.run import Run
from tests.conftest import finished_run


def test_patients_are_graded_by_searches_without_their_fold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def search(
        out: Path, config: TuneConfig, fixed: list[str], searched: list[str], outer: str
    ) -> SimpleNamespace:
        asked.append((fixed, outer))
        fold = int(fixed[-1].partition("=")[2])
        for number in (0, 1):
            finished_run(
                out / "0_senet" / f"fold_{number}", "senet", kind="kfold", fold=fold, skill=0.2 + number
            )
        trial = SimpleNamespace(
            number=fold,
            value=0.5,
            params={"model": "senet"},
            intermediate_values={0: 0.5, 1: 0.5},
            user_attrs={"folder": "0_senet"},
        )
        return SimpleNamespace(best=[trial])

    monkeypatch.setattr(outer_folds, "search", search)
    monkeypatch.setattr(outer_folds, "best_trials", lambda study: study.best)
    found = search_outer_folds(tmp_path, TuneConfig(outer_folds=2), ["seed=3"], [])
    assert asked == [
        (["seed=3", *words], " ".join(words))
        for words in (["split=kfold", "split.folds=2", f"split.fold={fold}"] for fold in (0, 1))
    ]
    losses, patients = [], 0
    for fold in found["folds"]:
        runs = [Run(tmp_path / fold["folder"] / "0_senet" / f"fold_{number}") for number in (0, 1)]
        assert fold["log_loss"] == pytest.approx(np.mean([log_loss(run.tested) for run in runs]))
        losses += [fold["log_loss"]] * fold["patients"]
        patients += fold["patients"]
    assert patients == 30
    assert found["log_loss"] == pytest.approx(np.mean(losses))
    assert found["optimism"] == pytest.approx(found["log_loss"] - 0.5)
    assert found["accuracy"]["n"] == 30
    assert found["accuracy"]["low"] is not None
