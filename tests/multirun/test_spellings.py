"""Patients who have two names among the runs that are compared."""

from pathlib import Path

import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.multirun.grouping import arms
from livergrade.multirun.measures import measure
from livergrade.multirun.spellings import refuse_spellings
from livergrade.runs.run import Run
from tests.conftest import as_own, finished_run


def renamed(run: Path, name: str, other: str) -> None:
    """Give a patient another name in one image of the run's split, and in its predictions if it is there."""
    for file in ("split.csv", "predictions.csv"):
        table = pd.read_csv(run / file)
        table.loc[table["image"] == f"{name[1:]}_1.png", "patient"] = other
        table.to_csv(run / file, index=False)
    as_own(run)


def test_a_tested_patient_with_two_names_is_refused_unless_they_are_two_people(tmp_path: Path) -> None:
    names = {"data.patient_names": "exact"}
    run = finished_run(tmp_path / "asked", "senet")
    exact = finished_run(tmp_path / "exact", "senet", options=names)
    refuse_spellings([[Run(run), Run(exact)]])
    for folder in (run, exact):
        renamed(folder, "P000", "p 0")
    (arm,), _ = arms([Run(run)])
    with pytest.raises(UserError, match=r"asked:\n  one patient's name in 2 spellings: 'P000' .*'p 0' "):
        measure(arm, resamples=20, permutations=20, seed=0)
    refuse_spellings([[Run(exact)]])


def test_a_patient_has_one_name_in_all_folds(tmp_path: Path) -> None:
    folds = [finished_run(tmp_path / f"{fold}", "senet", kind="kfold", fold=fold) for fold in (0, 1)]
    refuse_spellings([[*map(Run, folds)]])
    renamed(folds[1], "P001", "p_01")
    with pytest.raises(UserError, match=r"in 2 spellings: 'P001'.*, 'p_01'"):
        refuse_spellings([[*map(Run, folds)]])
