"""Runs that are started from Python."""

import json
import logging
import shutil
from pathlib import Path

import pytest
from PIL import Image

import livergrade
from livergrade import UserError, compare_runs, evaluate_run, fit, make_config
from tests.conftest import TINY, command

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_run_is_that_of_the_command_byte_by_byte(
    small: list[str], tiny_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = fit(make_config(*TINY, *small), out=tmp_path / "run")
    assert run.path == tmp_path / "run"
    for name in ("predictions.csv", "split.csv", "calibration.json"):
        assert (run.path / name).read_bytes() == (tiny_run / name).read_bytes(), name
    names = {path.name for path in tiny_run.iterdir()} - {".hydra", "train.log"}
    assert {path.name for path in run.path.iterdir()} == names
    assert json.loads((run.path / "environment.json").read_text())["command"] == "livergrade.fit"
    assert capfd.readouterr().out == ""
    with pytest.raises(UserError, match="another run is there"):
        fit(make_config(*TINY, *small), out=run.path)


def test_what_can_not_be_trained_is_told_before_a_folder_is_left(
    small: list[str], tmp_path: Path, manifest: Path
) -> None:
    config = make_config(*TINY, *small)
    config.data.image_size = 1
    config.seed = -1
    with pytest.raises(UserError, match=r"(?s)seed=-1.*data.image_size=1: must be at least 32"):
        fit(config, out=tmp_path / "run")
    config = make_config(*TINY, *small)
    config.data.manifest = str(tmp_path / "none.csv")
    with pytest.raises(UserError, match="there is no such manifest"):
        fit(config, out=tmp_path / "new" / "run")
    with pytest.raises(UserError, match=r"make it with livergrade\.make_config"):
        fit({"seed": 1}, out=tmp_path / "run")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_is_not_trained_again(tiny_run: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    before = (tiny_run / "finished.json").read_bytes()
    assert fit(make_config(f"train.resume={tiny_run}")).path == tiny_run
    assert "already finished, not changed" in caplog.text
    assert (tiny_run / "finished.json").read_bytes() == before
    with pytest.raises(UserError, match="continues in its own folder"):
        fit(make_config(f"train.resume={tiny_run}"), out=tiny_run.parent / "other")


@pytest.mark.slow
def test_an_interrupt_is_one_and_the_run_goes_on(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from livergrade.training.task import GradingTask

    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    config = make_config(*TINY, *small, "trainer.max_epochs=2")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(GradingTask, "on_test_start", stop, raising=False)
        fit(config, out=tmp_path / "run")
    run = fit(make_config(f"train.resume={tmp_path / 'run'}", "trainer.accelerator=cpu"))
    assert run.finished


@pytest.mark.slow
def test_an_evaluation_is_that_of_the_command(tiny_run: Path, manifest: Path, tmp_path: Path) -> None:
    cohort = shutil.copytree(manifest.parent, tmp_path / "cohort") / manifest.name
    for path in cohort.parent.rglob("*.png"):
        with Image.open(path) as image:
            image.rotate(180).save(path)
    words = ["data=manifest", f"data.manifest={cohort}", "same_names=true", "trainer.accelerator=cpu"]
    evaluation = evaluate_run(tiny_run, *words, out=tmp_path / "evaluation")
    assert evaluation.config.split.name == "external"
    assert len(evaluation.predictions["image"].unique()) == 24
    command("evaluate", f"run={tiny_run}", *words, f"hydra.run.dir={tmp_path / 'same'}", outputs=tmp_path)
    assert (tmp_path / "same" / "predictions.csv").read_bytes() == (
        evaluation.path / "predictions.csv"
    ).read_bytes()
    own = evaluate_run(livergrade.load_run(tiny_run), "trainer.accelerator=cpu", out=tmp_path / "own")
    assert (own.path / "predictions.csv").read_bytes() == (tiny_run / "predictions.csv").read_bytes()


def test_an_evaluation_is_refused_in_the_words_of_the_command(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.image_size: is the trained run's"):
        evaluate_run(tiny_run, "data.image_size=64", out=tmp_path / "a")
    with pytest.raises(UserError, match="not both"):
        config = make_config(f"run={tiny_run}", command="evaluate")
        evaluate_run(tiny_run, "views=1", config=config, out=tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_runs_are_compared(folds: Path, tmp_path: Path) -> None:
    compared = compare_runs(folds, "permutations=100", "resamples=100", out=tmp_path / "comparison")
    assert [arm["kind"] for arm in compared["arms"]] == ["kfold"]
    assert (tmp_path / "comparison" / "report.html").is_file()
    with pytest.raises(UserError, match="there is no such folder"):
        compare_runs([tmp_path / "none"], out=tmp_path / "c")
    assert not (tmp_path / "c").exists()
