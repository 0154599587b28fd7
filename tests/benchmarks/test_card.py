"""What is measured on a card, in small on the CPU."""

import argparse
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from tests.benchmarks.scripts import load

ROOT = Path(__file__).parents[2]
TINY = ("--tiny", "--device=cpu")


@pytest.fixture(scope="module")
def card() -> ModuleType:
    return load("card")


@pytest.fixture
def measured(card: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Run one command; its rows by JSON, after the printed table was held against them."""

    def run(*words: str, code: int = 0) -> list[dict]:
        told = tmp_path / "told.json"
        assert card.main([*words, *TINY, f"--json={told}"]) == code
        rows = json.loads(told.read_text())["rows"]
        printed = capsys.readouterr().out
        assert printed.startswith(f"CPU, torch {torch.__version__}\n")
        for row in rows:
            if "error" not in row:
                assert f"| {' | '.join(card.told(value) for value in row.values())} |" in printed
        return rows

    return run


def test_views_are_held_against_the_cpus_in_every_state(measured) -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    rows = measured("views")
    states = {(row["border"], row["tf32"], row["autocast"]) for row in rows}
    assert len(states) == len(rows) == 12
    assert all(row["PSNR, dB"] > 50 for row in rows if not row["autocast"])
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == before


def test_equal_views_have_a_finite_psnr(card: ModuleType) -> None:
    view = torch.zeros(1, 3, 4, 4)
    assert card.psnr(view, view) == pytest.approx(150)
    deviation = torch.tensor(card.IMAGENET[1]).view(3, 1, 1)
    assert card.psnr(view + 0.1 / deviation, view) == pytest.approx(20)


@pytest.mark.slow
def test_logits_and_gradients_are_held_against_float64(measured) -> None:
    rows = measured("nets", "--models=resnet50")
    assert [row["precision"] for row in rows] == ["fp32", "tf32", "bf16"]
    single, _, half = rows
    for what in ("logits", "first gradient"):
        assert 0 < single[what] < 1e-4 < half[what] < 1


@pytest.mark.slow
def test_steps_are_timed_and_one_that_fails_stops_no_other(
    measured, card: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = card.paper_task

    def fails(case, *rest):
        if case.model == "vgg16":
            raise torch.OutOfMemoryError("too large")
        return task(case, *rest)

    monkeypatch.setattr(card, "paper_task", fails)
    before = torch.backends.cudnn.benchmark
    failed, timed = measured("steps", "vgg16:2", "resnet50:2:nchw", code=1)
    assert failed == {"case": "vgg16:2", "error": "OutOfMemoryError: too large"}
    assert timed["case"] == "resnet50:2:nchw"
    assert timed["images/s"] == pytest.approx(2 / timed["step, ms"] * 1e3)
    assert 0 < timed["views, ms"] < timed["step, ms"]
    assert min(timed["host, ms"], timed["warm-up, s"]) > 0
    assert timed["peak, GB"] is None
    assert timed["waits"] == []
    assert torch.backends.cudnn.benchmark == before


def test_waits_of_the_host_are_told_by_place(card: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []

    def set_mode(mode: str) -> None:
        modes.append(mode)
        warnings.warn("Synchronization debug mode is a prototype feature", stacklevel=1)

    monkeypatch.setattr(torch, "cuda", SimpleNamespace(set_sync_debug_mode=set_mode))
    with card.waits("cuda") as places:
        warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
    assert modes == ["warn", "default"]
    assert len(places) == 1
    assert re.fullmatch(r"test_card\.py:\d+", places[0])


def test_a_case_is_read_as_it_is_written(card: ModuleType) -> None:
    for text in (*card.CASES, "senet:2:max-autotune"):
        assert str(card.Case.parse(text)) == text
    for text in ("senet", "senet:1", "senet:x", "other:8", "senet:8:fast", "senet:8:nchw:more"):
        with pytest.raises(argparse.ArgumentTypeError, match="MODEL:BATCH"):
            card.Case.parse(text)


def test_epochs_are_read_from_tensorboard(measured, tmp_path: Path) -> None:
    for job, start in (("0_model-senet", 100.0), ("1_model-sknet", 500.0)):
        with SummaryWriter(tmp_path / "sweep" / job / "tensorboard") as writer:
            for epoch in range(3):
                writer.add_scalar("loss/train", 1 / (1 + epoch), epoch, walltime=start + epoch * 2.5)
    with SummaryWriter(tmp_path / "sweep" / "2_broken" / "tensorboard") as writer:
        writer.add_scalar("lr", 0.1, 0)
    first, second, broken = measured("epochs", str(tmp_path / "sweep"))
    assert (first["job"], second["job"]) == ("0_model-senet", "1_model-sknet")
    assert first["seconds"] == second["seconds"] == [2.5, 2.5]
    assert first["loss"] == pytest.approx([1, 1 / 2, 1 / 3])
    assert broken == {"job": "2_broken", "seconds": [], "loss": []}


def test_a_folder_without_runs_is_told(
    card: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert card.main(["epochs", str(tmp_path), *TINY]) == 1
    assert "nothing was found" in capsys.readouterr().out


def script(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Rehearse ``benchmarks/card.sh``."""
    settings = {"TINY": "1", "PYTHON": sys.executable, "WORK": str(folder), "OMP_NUM_THREADS": "1"}
    kept = {name: value for name, value in os.environ.items() if name != "LIVERGRADE_CACHE"}
    return subprocess.run(
        ["bash", "benchmarks/card.sh", *words],
        cwd=ROOT,
        env=kept | settings | more,
        capture_output=True,
        text=True,
    )


def test_the_script_says_how_it_is_called(tmp_path: Path) -> None:
    done = script(tmp_path, "3")
    assert done.returncode == 2
    assert "bash benchmarks/card.sh 1" in done.stderr


def test_a_step_that_fails_stops_no_other(tmp_path: Path) -> None:
    done = script(tmp_path, "1", PYTHON="/bin/false")
    assert done.returncode == 1
    codes = dict(re.findall(r"^## (.+): exit code (\d+) after \d+ s$", done.stdout, re.MULTILINE))
    assert set(codes) >= {"versions", "views", "nets", "train", "predict", "archive of demo", "repeat", "gpu"}
    assert "0" not in {code for name, code in codes.items() if name != "cohort"}  # where .gpu exists


def test_no_step_starts_once_the_part_has_had_its_time(tmp_path: Path) -> None:
    done = script(tmp_path, "2", LIMIT="0")
    assert done.returncode == 1
    assert set(re.findall(r"exit code (\d+) after", done.stdout)) == {"124"}


@pytest.mark.slow
def test_both_parts_are_rehearsed_to_their_end(tmp_path: Path) -> None:
    steps = {
        "1": ["versions", "views", "nets", "train", "predict", "archive of demo", "repeat", "gpu"],
        "2": ["sweep", "epochs", "archive of sweep", "steps"],
    }
    for part, names in steps.items():
        done = script(tmp_path, part)
        told = re.findall(r"^## (.+): exit code (\d+) after \d+ s$", done.stdout, re.MULTILINE)
        ran = [each for each in told if each[0] not in ("packages", "cohort")]  # where .gpu exists
        assert ran == [(name, "0") for name in names], done.stdout
        assert done.returncode == 0
        assert (tmp_path / "out" / f"part_{part}.log").read_text() == done.stdout
    left = {path.name for path in (tmp_path / "out").iterdir()}
    figures = {f"{name}.json" for name in ("views", "nets", "repeat", "gpu", "epochs", "steps")}
    assert left == figures | {"part_1.log", "part_2.log", "demo.tgz", "sweep.tgz"}
