import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from hydra.core.singleton import Singleton

from tests.conftest import TINY, command, telling, train
from tests.reports.test_run_report import Page

pytest.importorskip("optuna")
pytestmark = pytest.mark.usefixtures("undrawn")


def train_here(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
    """What a trial's own process does, in this one, where what training needs is loaded."""
    outer, told, status = Singleton.get_state(), io.StringIO(), 0
    with contextlib.redirect_stderr(told):
        try:
            train(*command[3:], outputs=Path())
        except SystemExit as end:
            status = int(end.code or 0)
    Singleton.set_state(outer)
    return subprocess.CompletedProcess(command, status, "", told.getvalue())


@pytest.mark.slow
def test_a_study_and_going_on_with_it(
    small: list[str], manifest: Path, tmp_path: Path, monkeypatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("livergrade.multirun.search.subprocess", SimpleNamespace(run=train_here))
    folder = tmp_path / "study"
    cohort = shutil.copytree(manifest.parent, tmp_path / "cohort") / manifest.name
    words = [
        f"study={folder}",
        *TINY,
        f"model.weights=null,{tmp_path / 'nowhere.pt'}",
        *small,
        "data.manifest=cohort/cohort.csv",
        "trainer.limit_batches=1",
        "folds=2",
    ]
    monkeypatch.chdir(tmp_path)
    command("tune", "trials=2", *words, outputs=tmp_path)
    command("tune", "trials=3", *words, outputs=tmp_path)
    table = pd.read_csv(folder / "trials.csv")
    assert list(table["trial"]) == [0, 1, 2]
    assert set(table["model.weights"].dropna()) <= {str(tmp_path / "nowhere.pt")}
    for row in table.itertuples():
        runs = [folder / str(row.folder) / f"fold_{fold}" / "finished.json" for fold in (0, 1)]
        finished = all(run.is_file() for run in runs)
        assert finished == (row.state == "complete")
        assert finished or "nowhere.pt" in row.failure
    page = Page((folder / "report.html").read_text())
    assert "3 of 3" in page.text
    assert page.tags.count("img") == 1
    study = json.loads((folder / "study.json").read_text())
    assert study["conclusion"] in " ".join(page.text.split())
    assert study["outer"] is None
    assert "best: trial" in capfd.readouterr().out
    with pytest.raises(SystemExit):
        command("tune", f"study={folder}", "model=senet,cbam", outputs=tmp_path)
    assert "was made with other options" in capfd.readouterr().err

    (tmp_path / "elsewhere").mkdir()
    shutil.copytree(cohort.parent, tmp_path / "elsewhere" / "cohort")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(SystemExit):
        command("tune", "trials=3", *words, outputs=tmp_path)
    assert f"data.manifest: {cohort} there, {tmp_path}/elsewhere/cohort" in capfd.readouterr().err
    monkeypatch.chdir(tmp_path)
    cohort.write_text(cohort.read_text().replace("P03,poor", "P03,well"))
    with pytest.raises(SystemExit):
        command("tune", "trials=3", *words, outputs=tmp_path)
    assert "P03_0.png (grade poor there, well here)" in capfd.readouterr().err


@pytest.mark.slow
def test_outer_folds_grade_patients_that_took_no_part(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livergrade.multirun.search.subprocess", SimpleNamespace(run=train_here))
    folder = tmp_path / "study"
    words = [
        "trials=1",
        "folds=2",
        "outer_folds=2",
        f"study={folder}",
        *TINY,
        "optim.weight_decay=0,0.01",
        *small,
    ]
    command("tune", *words, "trainer.limit_batches=1", outputs=tmp_path)
    outer = json.loads((folder / "study.json").read_text())["outer"]
    assert [fold["folder"] for fold in outer["folds"]] == ["outer_0", "outer_1"]
    assert outer["optimism"] == pytest.approx(outer["log_loss"] - outer["best_value"])
    tested = []
    for fold in outer["folds"]:
        (trial,) = (folder / fold["folder"]).glob("0*")  # in this process its name may lack what was drawn
        splits = [pd.read_csv(trial / f"fold_{number}" / "split.csv") for number in (0, 1)]
        sides = [split.groupby("split")["patient"].unique().map(set) for split in splits]
        assert sides[0]["test"] == sides[1]["test"]
        assert sides[0]["val"] | sides[1]["val"] == sides[0]["train"] | sides[0]["val"]
        tested.append(sides[0]["test"])
    assert not tested[0] & tested[1]
    assert "Without each outer fold" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_a_killed_trial_is_run_again(small: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "study"
    fixed = ["trials=2", f"study={folder}", "folds=2", *TINY, *small, "trainer.max_epochs=3"]
    words = [*fixed, "optim.weight_decay=0,0.01"]
    typed = [sys.executable, "-m", "livergrade.tune", *words]
    with subprocess.Popen(typed, start_new_session=True, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 240
        while not list(folder.glob("1_*/fold_0/checkpoints/last.ckpt")) and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    done = subprocess.run(typed, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(folder / "trials.csv").set_index("trial")
    assert list(table["state"]) == ["complete", "fail", "complete"]
    assert table.loc[1, "optim.weight_decay"] == table.loc[2, "optim.weight_decay"]


@pytest.mark.parametrize(
    ("words", "told"),
    telling(
        [
            (["model=senet,nosuch"], "model=nosuch: must be one of"),
            (["seed=0,1", "optim.lrr=1"], "optim.lrr: there is no such option; did you mean optim.lr?"),
            (["optim.weight_decay=0,-1"], "optim.weight_decay=-1.0: must be at least 0"),
            (["data.image_size=interval(32,64)"], "use range(low,high,step)"),
            (["optim.name=interval(0,1)"], "name the values, as in key=a,b"),
            (["optim.ema=interval(0.9,1.5)"], "optim.ema=1.5: must be at least 0 and at most 0.99999"),
        ],
        fast=(0, 1, 3),
    ),
)
def test_options_that_no_trial_can_use_are_told_before_the_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    with pytest.raises(SystemExit):
        command("tune", f"study={tmp_path / 'study'}", *words, outputs=tmp_path)
    assert told in capfd.readouterr().err
    assert not list(tmp_path.iterdir())
