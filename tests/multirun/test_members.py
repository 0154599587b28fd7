"""Runs that can't answer together, and files of a member that are not its own."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.multirun.ensemble import Ensemble, open_run
from livergrade.multirun.members import _of_another_split
from livergrade.runs.run import Run

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_trial_is_called_one_and_not_a_run_with_files_of_another(tiny_run: Path) -> None:
    run = Run(tiny_run)
    run.recorded.trainer.limit_batches = 1
    assert _of_another_split(run) == []  # one batch was enough for all
    run.split = pd.concat([run.split, run.split.tail(1).assign(image="more.png", split="test")])
    told = f"{tiny_run}: is a trial, whose passes stopped after 1 batch (predictions.csv lacks 1 image)"
    assert _of_another_split(run)[0].startswith(told)


def test_files_that_are_not_of_a_members_split_are_refused(folds: Path, tmp_path: Path) -> None:
    shutil.copytree(folds, tmp_path / "sweep")
    job = next((tmp_path / "sweep").glob("1_*"))
    for name, change, told in (
        (
            "predictions.csv",
            lambda table: table[table["image"] != table["image"].iloc[-1]],
            "lacks .*of 1 such",
        ),
        ("predictions.csv", lambda table: table[table["split"] != "val"], "lacks .*of 8 such"),
        ("appearance.csv", lambda table: table[table["split"] != "test"], "lacks .*of 8 such"),
        ("appearance.csv", lambda table: table.assign(split="val"), "counts as not trained on .*of 8 such"),
    ):
        before = (job / name).read_bytes()
        change(pd.read_csv(job / name)).to_csv(job / name, index=False)
        with pytest.raises(UserError, match=rf"1_.*: {name} {told} images by its split"):
            open_run(tmp_path / "sweep")
        (job / name).write_bytes(before)
    assert isinstance(open_run(tmp_path / "sweep"), Ensemble)
