import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.conftest import TINY, swept, train

pytestmark = pytest.mark.usefixtures("narrow", "undrawn")


def jobs(sweep: Path) -> dict[str, Path]:
    """The jobs' folders by their number."""
    return {path.name.partition("_")[0]: path for path in sweep.iterdir() if path.name[0].isdigit()}


def test_a_sweep_ends_with_a_comparison(sweep: Path) -> None:
    compared = json.loads((sweep / "comparison" / "comparison.json").read_text())
    assert list(compared["arms"][0]["models"]) == list(swept())
    assert f"-m model={','.join(swept())}" in compared["command"]
    assert "Test run: passes were stopped" in (sweep / "comparison" / "report.html").read_text()


@pytest.mark.slow
def test_a_failed_job_stops_no_other_and_is_run_again_alone(
    small: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    words = ["-m", "model=resnet50,senet", *small, "trainer.limit_batches=1", f"hydra.sweep.dir={folder}"]
    with pytest.raises(SystemExit) as end:
        train(*words, "optim.weight_decay=0,-1", outputs=tmp_path)
    assert end.value.code == 1
    told = capfd.readouterr()
    assert "2 of 4 jobs failed" in told.out + told.err
    assert "optim.weight_decay=-1.0: must be at least 0" in told.out + told.err
    assert "hydra.sweep.dir=" in told.out + told.err
    found = jobs(folder)
    for number in "13":
        failure = json.loads((found[number] / "failed.json").read_text())
        assert failure["error"] == "UserError"
        assert "optim.weight_decay=-1" in failure["job"]
        assert not (found[number] / "finished.json").exists()
        assert "weight_decay" in (found[number] / "train.log").read_text()
    compared = json.loads((folder / "comparison" / "comparison.json").read_text())
    assert list(compared["arms"][0]["models"]) == ["resnet50", "senet"]

    finished = {number: (found[number] / "finished.json").stat().st_mtime_ns for number in "02"}
    with pytest.raises(SystemExit):
        train(*words, "optim.weight_decay=0,-1", outputs=tmp_path)
    told = capfd.readouterr()
    assert told.out.count("already finished") == 2
    assert finished == {number: (found[number] / "finished.json").stat().st_mtime_ns for number in "02"}


def test_every_job_that_fails_says_why(small: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    broken = tmp_path / "weights.pt"
    torch.save({"conv1.weight": torch.zeros(1)}, broken)
    with pytest.raises(SystemExit):
        train(
            "-m", "seed=0,1", f"model.weights={broken}", *small, f"hydra.sweep.dir={folder}", outputs=tmp_path
        )
    for job in jobs(folder).values():
        assert str(broken) in json.loads((job / "failed.json").read_text())["message"]


@pytest.mark.slow
def test_jobs_of_other_labels_are_neither_skipped_nor_compared(
    small: list[str], manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sweep"
    cohort = shutil.copytree(manifest.parent, tmp_path / "cohort") / manifest.name
    words = ["-m", "seed=0,1", *TINY, *small, f"data.manifest={cohort}", f"hydra.sweep.dir={folder}"]
    train(*words, outputs=tmp_path)
    first = (folder / "comparison" / "comparison.json").read_text()
    before = cohort.read_text()
    cohort.write_text(before.replace("W03,well", "W03,moderate"))
    capfd.readouterr()
    with pytest.raises(SystemExit):
        train(*words, outputs=tmp_path)
    told = capfd.readouterr()
    assert "2 of 2 jobs failed" in told.out + told.err
    assert "was made from other data" in told.out + told.err
    assert "from other data or options are refused until that is restored." in told.out + told.err
    assert not (folder / "comparison").exists()
    assert (folder / "earlier_start_1" / "comparison" / "comparison.json").read_text() == first
    cohort.write_text(before)
    train(*words, outputs=tmp_path)
    assert capfd.readouterr().out.count("already finished") == 2
    again = json.loads((folder / "comparison" / "comparison.json").read_text())
    assert again["arms"] == json.loads(first)["arms"]


def start(*words: str, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "livergrade.train", "-m", *words, f"hydra.sweep.dir={folder}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(pattern: str, folder: Path, process: "subprocess.Popen[str]") -> None:
    until = time.monotonic() + 240
    while not list(folder.glob(pattern)) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)


@pytest.mark.slow
def test_sigterm_names_what_is_left(small: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    process = start("model=resnet50,senet,cbam", *small, "trainer.max_epochs=50", folder=folder)
    wait_for("0_*/checkpoints/last.ckpt", folder, process)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 143, told
    assert "3 of 3 jobs not finished" in told
    for job in ("0_model-resnet50", "1_model-senet", "2_model-cbam"):
        assert f"  {job}\n" in told
    assert f"hydra.sweep.dir={folder}" in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_a_killed_sweep_goes_on_to_the_same_figures(small: list[str], tmp_path: Path) -> None:
    words = ["model=resnet50,senet", "split=kfold", "split.folds=2", "split.fold=0,1", *small]
    words = [word for word in words if not word.startswith("split.test")] + ["trainer.max_epochs=3"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with start(*words, folder=whole) as process:
        told, _ = process.communicate(timeout=500)
    assert process.returncode == 0, told
    with start(*words, folder=killed) as process:
        wait_for("2_*/checkpoints/last.ckpt", killed, process)
        os.kill(process.pid, signal.SIGKILL)
    assert not list(killed.glob("2_*/finished.json"))
    kept = {path: path.stat().st_mtime_ns for path in killed.glob("[01]_*/finished.json")}
    assert len(kept) == 2
    with start(*words, folder=killed) as process:
        told, _ = process.communicate(timeout=500)
    assert process.returncode == 0, told
    assert told.count("already finished") == 2
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    for one, other in zip(*(sorted(jobs(sweep).values()) for sweep in (whole, killed)), strict=True):
        assert one.name == other.name
        pd.testing.assert_frame_equal(*(pd.read_csv(run / "predictions.csv") for run in (one, other)))
        figures = [json.loads((run / "metrics.json").read_text()) for run in (one, other)]
        assert figures[0] == figures[1]
    assert (killed / "comparison" / "report.html").is_file()
