import contextlib
import io
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

from tests.conftest import TINY, command, train
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


def test_a_study_and_going_on_with_it(
    small: list[str], manifest: Path, tmp_path: Path, monkeypatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("livergrade.multirun.search.subprocess", SimpleNamespace(run=train_here))
    folder = tmp_path / "study"
    cohort = shutil.copytree(manifest.parent, tmp_path / "cohort") / manifest.name
    words = [
        f"study={folder}",
        *TINY,
        "optim.weight_decay=0,-1",
        *small,
        "data.manifest=cohort/cohort.csv",
        "trainer.limit_batches=1",
    ]
    monkeypatch.chdir(tmp_path)
    command("tune", "trials=2", *words, outputs=tmp_path)
    command("tune", "trials=3", *words, outputs=tmp_path)
    table = pd.read_csv(folder / "trials.csv")
    assert list(table["trial"]) == [0, 1, 2]
    assert set(table["optim.weight_decay"]) <= {0, -1}
    for row in table.itertuples():
        finished = (folder / str(row.folder) / "finished.json").is_file()
        assert finished == (row.state == "complete")
        assert finished or "must be at least 0" in row.failure
    page = Page((folder / "report.html").read_text())
    assert "3 of 3" in page.text
    assert page.tags.count("img") == 1
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
def test_a_killed_trial_is_run_again(small: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "study"
    words = ["trials=2", f"study={folder}", "model=resnet50,senet", *small, "trainer.max_epochs=3"]
    typed = [sys.executable, "-m", "livergrade.tune", *words]
    with subprocess.Popen(typed, start_new_session=True, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 240
        while not list(folder.glob("1_*/checkpoints/last.ckpt")) and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    done = subprocess.run(typed, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(folder / "trials.csv").set_index("trial")
    assert list(table["state"]) == ["complete", "fail", "complete"]
    assert table.loc[1, "model"] == table.loc[2, "model"]
