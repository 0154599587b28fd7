"""``livergrade.train``, from options to a finished folder."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from sklearn import metrics as sk

from livergrade.config.schema import AugmentConfig, DataConfig
from livergrade.data.cohort import from_manifest
from livergrade.data.datamodule import GradingData
from livergrade.evaluation.predictions import predictions_table
from livergrade.models.architecture import IMAGENET
from livergrade.models.catalog import NAMES
from livergrade.models.trained import trained_net
from livergrade.runs.folder import read_options
from livergrade.training.history import read_history
from livergrade.training.setup import make_task
from tests.conftest import FAST, TINY, command, swept, telling, train
from tests.io import profiles

pytestmark = pytest.mark.usefixtures("narrow", "undrawn")

LEFT_BY_A_RUN = {
    ".hydra",
    "train.log",
    "tensorboard",
    "checkpoints",
    "config.yaml",
    "split.csv",
    "predictions.csv",
    "metrics.json",
    "history.csv",
    "calibration.json",
    "appearance.json",
    "appearance.csv",
    "near_duplicates.csv",
    "reporting_checklists.md",
    "figures",
    "mistakes",
    "report.html",
    "environment.json",
    "finished.json",
}


@pytest.mark.slow
def test_a_run_keeps_its_scale_and_reads_colours_as_it_was_told(
    small: list[str], manifest: Path, tmp_path: Path
) -> None:
    cohort = shutil.copytree(manifest.parent, tmp_path / "cohort")
    for path in cohort.rglob("*.png"):
        with Image.open(path) as image:
            image.save(path, icc_profile=profiles.rgb(profiles.DISPLAY_P3))
    words = [*TINY, *small, f"data.manifest={cohort / manifest.name}", "data.mpp=0.5"]
    scores = []
    for icc in ("ignore", "apply"):
        run = tmp_path / icc
        train(*words, f"data.icc={icc}", f"hydra.run.dir={run}", outputs=tmp_path)
        scale = json.loads((run / "scale.json").read_text())
        assert (scale["images"], scale["median"], scale["network_um"]) == (12, 20.0, 0.625)
        assert read_options(run).data.icc == icc
        words_of_run = [f"run={run}", str(cohort / "poor"), "accelerator=cpu", "calibrated=false"]
        command("predict", *words_of_run, f"out={run / 'p'}", outputs=run)
        graded = pd.read_csv(run / "p" / "images.csv").set_index("image")["p_poor"]
        graded.index = [f"poor/{Path(name).name}" for name in graded.index]
        own = pd.read_csv(run / "predictions.csv").query("split == 'test'").groupby("image")["p_poor"].mean()
        shared = own.index.intersection(graded.index)
        assert len(shared) == 2
        np.testing.assert_allclose(graded[shared], own[shared], atol=1e-3)
        scores.append(graded)
    assert not np.allclose(*scores, atol=1e-3)


def test_sweep_leaves_a_complete_folder_of_each_network(sweep: Path) -> None:
    folders = sorted(path.name for path in sweep.iterdir() if path.is_dir() and path.name != "comparison")
    assert folders == [f"{number}_model-{name}" for number, name in enumerate(swept())]
    for folder in folders:
        run = sweep / folder
        assert {path.name for path in run.iterdir()} == LEFT_BY_A_RUN
        assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
        assert (run / "finished.json").stat().st_mtime >= (run / "report.html").stat().st_mtime


@pytest.mark.parametrize(
    "model", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in NAMES]
)
def test_reloaded_best_checkpoint_predicts_the_same(
    sweep: Path, manifest: Path, model: str, tmp_path: Path
) -> None:
    run = next(sweep.glob(f"*_model-{model}*"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    net, classes = trained_net(run / "checkpoints" / "best.ckpt")
    task = make_task(read_options(run), classes, "")
    task.net.load_state_dict(net.state_dict())
    cohort = from_manifest(manifest, config["data"]["classes"])
    split = pd.read_csv(run / "split.csv")
    config["data"].pop("synthetic")
    data = GradingData(
        cohort,
        split,
        DataConfig(**config["data"]),
        AugmentConfig(**config["augment"]),
        tmp_path,
        seed=config["seed"],
        normalisation=IMAGENET,
    )
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, limit_test_batches=2)
    trainer.test(task, data, verbose=False)
    again = predictions_table(cohort.table, cohort.classes, task.graded)
    written = pd.read_csv(run / "predictions.csv")
    keys = ["image", "angle", "split"]
    pd.testing.assert_frame_equal(again[keys], written[keys], check_dtype=False)
    names = [f"p_{grade}" for grade in cohort.classes]
    np.testing.assert_allclose(again[names], written[names], atol=1e-7)


def test_tensorboard_shows_ours_which_equal_scikit_learn(sweep: Path) -> None:
    run = next(sweep.glob("*_model-senet*"))
    ours = json.loads((run / "metrics.json").read_text())["view"]
    views = pd.read_csv(run / "predictions.csv").query("split == 'test'")
    events = logged(run / "tensorboard")
    truth, told, classes = views["grade"], views["predicted"], ["poor", "moderate", "well"]
    expected = {
        "accuracy": sk.accuracy_score(truth, told),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, told),
        "macro_f1": sk.f1_score(truth, told, labels=classes, average="macro", zero_division=0),
        "quadratic_kappa": sk.cohen_kappa_score(
            truth.map(classes.index), told.map(classes.index), labels=[0, 1, 2], weights="quadratic"
        ),
        "macro_auroc": sk.roc_auc_score(
            truth, views[[f"p_{name}" for name in sorted(classes)]], labels=sorted(classes), multi_class="ovr"
        ),
    }
    for name, value in expected.items():
        assert events[f"{name}/test"] == pytest.approx(value, abs=1e-6), name
        assert ours[name]["value"] == pytest.approx(value, abs=1e-9), name
    for grade in classes:
        recall = sk.recall_score(truth, told, labels=[grade], average="macro")
        assert events[f"recall/test/{grade}"] == pytest.approx(recall, abs=1e-6)
        assert ours["per_class"][grade]["recall"]["value"] == pytest.approx(recall, abs=1e-9)


def logged(folder: Path) -> dict[str, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {tag: events.Scalars(tag)[-1].value for tag in events.Tags()["scalars"]}


def test_tensorboard_has_curves_and_pictures_of_all_models(sweep: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = next(sweep.glob("*_model-cbam*"))
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    scalars, grades = set(events.Tags()["scalars"]), ("poor", "moderate", "well")
    for stage in ("train", "val", "test"):
        # Of the test the precision of a grade that was not predicted is not defined, and not there.
        for metric in ("recall", "auroc") if stage == "test" else ("precision", "recall", "f1", "auroc"):
            assert {f"{metric}/{stage}/{grade}" for grade in grades} <= scalars
    pictures = {f"confusion/{part}" for part in ("train", "val", "test", "images", "patients")}
    assert pictures <= set(events.Tags()["images"])
    (maps,) = events.Images("maps/val")  # of the first of its epochs
    # Two views of each grade below each other; beside each its map of every grade.
    assert (maps.width, maps.height, maps.step) == (4 * 32, 6 * 32, 1)


def test_the_row_of_a_sweeps_job_tells_what_varies(sweep: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    rows = {}
    for run in sweep.glob("*_model-*"):
        events = EventAccumulator(str(run / "tensorboard")).Reload()
        content = events.summary_metadata[metadata.SESSION_START_INFO_TAG].plugin_data.content
        row = metadata.parse_session_start_info_plugin_data(content)
        rows[run.name] = row.group_name, {key: value.string_value for key, value in row.hparams.items()}
    names = [f"{number}_model-{name}" for number, name in enumerate(swept())]
    assert rows == {
        folder: (f"{name} ({folder})", {"model": name}) for folder, name in zip(names, swept(), strict=True)
    }


@pytest.mark.slow
def test_maps_change_nothing(run, small, tmp_path: Path) -> None:
    with_maps = run("trainer.map_epochs=1", "trainer.max_epochs=2").rename(tmp_path / "with_maps")
    without = run("trainer.map_epochs=0", "trainer.max_epochs=2")
    images = [
        sorted((folder / "tensorboard").glob("events*"))[0].stat().st_size for folder in (with_maps, without)
    ]
    assert images[0] > images[1]
    assert (with_maps / "predictions.csv").read_text() == (without / "predictions.csv").read_text()


@pytest.mark.slow
def test_resume_after_an_epoch_equals_the_unbroken_run(run, small, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    train(*TINY, *small, "trainer.max_epochs=2", f"hydra.run.dir={whole}", outputs=tmp_path)
    folder = run("trainer.max_epochs=1")
    began = json.loads((folder / "environment.json").read_text())
    train(f"train.resume={folder}", "trainer.max_epochs=2", outputs=tmp_path)
    record = json.loads((folder / "environment.json").read_text())
    first, second = record["starts"]
    assert (record["command"], first) == (began["command"], began["starts"][0])
    assert second["command"].endswith("trainer.max_epochs=2")
    assert second["resumed"] == "step 2, in epoch 1"
    assert record["seconds"] == pytest.approx(first["seconds"] + second["seconds"])
    page = (folder / "report.html").read_text()
    assert "resumed from step 2, in epoch 1" in page

    def weights(of: Path) -> dict[str, torch.Tensor]:
        return torch.load(of / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]

    unbroken, resumed = weights(whole), weights(folder)
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)
    assert read_history(folder / "tensorboard")["epoch"].tolist() == [1, 2]
    assert (folder / ".hydra" / "overrides.yaml").read_text() != (
        folder / ".hydra_resumed" / "overrides.yaml"
    ).read_text()
    assert yaml.safe_load((folder / "config.yaml").read_text())["data"]["image_size"] == 32


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()
    }


def test_an_epoch_is_a_line_of_the_log_and_nothing_steers_a_terminal(tiny_run: Path) -> None:
    log = (tiny_run / "train.log").read_bytes()
    lines = [line for line in log.decode().splitlines() if ": epoch " in line]
    assert len(lines) == 1
    assert "epoch 1 of 1: training loss " in lines[0]
    assert not set(log) & {*range(9), 11, 12, 13, *range(14, 32)}


def test_a_finished_run_is_left_as_it_is(tiny_run: Path, tmp_path: Path, capsys) -> None:
    folder = shutil.copytree(tiny_run, tmp_path / "run")
    before = files(folder)
    for words in ([], ["trainer.max_epochs=1"], ["data.workers=0", "trainer.accelerator=cpu"]):
        with pytest.raises(SystemExit) as end:
            train(f"train.resume={folder}", *words, outputs=tmp_path)
        assert not end.value.code
        assert "already finished" in capsys.readouterr().out
    assert files(folder) == before


def test_resume_keeps_the_options_of_the_run(tiny_run: Path, tmp_path: Path, capfd) -> None:
    folder = shutil.copytree(tiny_run, tmp_path / "run")
    with pytest.raises(SystemExit):
        train(f"train.resume={folder}", "optim.lr=1", outputs=tmp_path)
    assert "only trainer.* may change" in capfd.readouterr().err


def test_image_split_says_that_it_leaks(run, capfd) -> None:
    # Six views of four an image: the pass ends within the second one, which is left out.
    folder = run("split=image", "trainer.limit_batches=1", "augment.test_views=4")
    assert (pd.read_csv(folder / "predictions.csv")["split"].value_counts() == 4).all()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["leakage"]["leaking"] is True
    assert "LEAKING" in capfd.readouterr().out
    assert "test images share a patient with training" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_every_figure_of_an_image_split_says_that_it_leaks(run, drawn: None) -> None:
    figures = list((run("split=image", "trainer.limit_batches=1") / "figures").glob("*.svg"))
    assert len(figures) > 5
    assert all("LEAKING" in figure.read_text() for figure in figures)


def test_a_run_of_a_few_batches_says_so(sweep: Path) -> None:
    assert "Each pass stopped after 2 batches" in next(sweep.glob("*_model-*/report.html")).read_text()


def test_carried_columns_reach_the_predictions(sweep: Path) -> None:
    for run in sweep.glob("*_model-*"):
        assert {"M", "F"} >= set(pd.read_csv(run / "predictions.csv")["sex"])


@pytest.mark.slow
def test_a_backbone_of_timm_is_named_and_probed_in_its_report(small: list[str], tmp_path: Path) -> None:
    words = ("model=timm", "model.backbone=convnext_atto", *small, "experiment=probe", "data.batch_size=6")
    train(*words, "trainer.max_epochs=1", outputs=tmp_path)
    (folder,) = (tmp_path / "convnext_atto").iterdir()
    assert (folder / "finished.json").is_file()
    page = (folder / "report.html").read_text()
    assert "<title>convnext_atto" in page
    assert "Initial weights: random." in page
    assert "the network is frozen below its head" in page


def test_a_used_folder_is_refused(tiny_run: Path, run, tmp_path: Path, capfd) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    with pytest.raises(SystemExit):
        run("trainer.limit_batches=1")
    assert "another run is there" in capfd.readouterr().err


def test_command_line_errors_have_no_traceback(manifest: Path, tmp_path: Path, capfd) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text(
        manifest.read_text().replace("moderate/M00_0.png,M00,moderate", "nowhere.png,M00,middling")
    )
    words = ["data=manifest", f"data.manifest={broken}", f"hydra.run.dir={tmp_path / 'run'}"]
    with pytest.raises(SystemExit) as end:
        train(*words, outputs=tmp_path)
    told = capfd.readouterr().err
    assert end.value.code == 1
    assert "Traceback" not in told
    assert "nowhere.png does not exist" in told
    assert "'middling' is not in data.classes" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(small, tmp_path: Path) -> None:
    """SIGKILL after the first epoch, with the default optimiser and its schedule."""
    words = [*TINY, *small, "optim=adamw", "optim.lr=0.001", "trainer.max_epochs=4"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    start = [
        sys.executable,
        "-m",
        "livergrade.train",
        *words,
    ]  # initial weights are not those of this process
    subprocess.run([*start, f"hydra.run.dir={whole}"], capture_output=True, check=True)
    command = [*start, f"hydra.run.dir={killed}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (killed / "checkpoints" / "last.ckpt").exists() and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert not (killed / "finished.json").exists()
    (killed / "environment.json").write_text("{")
    train(f"train.resume={killed}", outputs=tmp_path)
    assert json.loads((killed / "environment.json").read_text())["command"] == "not recorded"
    unbroken, resumed = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (whole, killed)
    )
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)
    one, other = (pd.read_csv(run / "history.csv") for run in (whole, killed))
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.slow
def test_two_processes_leave_one_complete_run(small, tmp_path: Path) -> None:
    words = [
        "model=resnet50",
        *small,
        "trainer.devices=2",
        "trainer.strategy=ddp",
        f"hydra.run.dir={tmp_path / 'run'}",
    ]
    command = [sys.executable, "-m", "livergrade.train", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} >= LEFT_BY_A_RUN
    views = pd.read_csv(run / "predictions.csv")
    assert not views.duplicated(["image", "angle"]).any()
    tested = pd.read_csv(run / "split.csv").query("split == 'test'")["image"]
    assert set(views.query("split == 'test'")["image"]) == set(tested)
    assert len(views.query("split == 'test'")) == 2 * len(tested)


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [0, 1])
def test_two_processes_equal_one_with_the_same_global_batch(small, tmp_path: Path, frozen: int) -> None:
    """With a network that has no batch norm, whose statistics are each process's own."""
    network = ["model=timm", "model.backbone=convnext_atto", "trainer.max_epochs=2"]
    network.append(f"model.frozen_epochs={frozen}")
    for name, words in (
        ("one", ["data.batch_size=6"]),
        ("two", ["data.batch_size=3", "trainer.devices=2", "trainer.strategy=ddp"]),
    ):
        command = [sys.executable, "-m", "livergrade.train", *small, *network, *words]
        command.append(f"hydra.run.dir={tmp_path / name}")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
    for file in ("predictions.csv", "history.csv"):
        one, two = (pd.read_csv(tmp_path / name / file) for name in ("one", "two"))
        pd.testing.assert_frame_equal(one, two, rtol=1e-5, atol=1e-6)
    figures = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two")]
    for level in ("view", "image", "patient"):
        assert figures[0][level]["confusion"] == figures[1][level]["confusion"]


def test_a_sweep_with_several_devices_is_refused(small, tmp_path: Path, capfd) -> None:
    with pytest.raises(SystemExit):
        train("-m", "model=resnet50,senet", *small, "trainer.devices=2", outputs=tmp_path)
    assert "a sweep gives each job one device" in capfd.readouterr().err


def test_a_mistake_leaves_the_folder_free_and_a_split_file_is_reused(tiny_run: Path, run, capfd) -> None:
    with pytest.raises(SystemExit):
        run("data.manifest=nowhere.csv")
    assert "there is no such manifest" in capfd.readouterr().err
    split = tiny_run / "split.csv"
    again = run("trainer.limit_batches=1", "seed=5", f"data.split_file={split}")
    assert (again / "finished.json").is_file()
    assert (again / "split.csv").read_text() == split.read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    telling(
        [
            (["trainer.accelerator=gpu"], "set trainer.accelerator=cpu"),
            (["trainer.precision=foo"], "trainer.*"),
            (["train.resume=nowhere"], "is not a run"),
            (["model.weights=nowhere.pt"], "nowhere.pt"),
            (["data=synthetic", "data.manifest=x.csv"], "set data=manifest"),
        ],
        fast=(0, 3),
    ),
)
def test_mistakes_are_told_without_a_traceback(run, words: list[str], told: str, capfd) -> None:
    if words == ["trainer.accelerator=gpu"] and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(SystemExit):
        run(*words)
    error = capfd.readouterr().err
    assert told in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_names_that_are_one_patient_stay_so_in_all_that_follows(
    tmp_path: Path, small: list[str], manifest: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Refused, checked, told, trained, evaluated and resumed; a change of the table is noticed."""
    cohort, run = shutil.copytree(manifest.parent, tmp_path / "cohort") / "cohort.csv", tmp_path / "run"
    table = pd.read_csv(cohort)
    table.loc[1, "patient"], table.loc[23, "patient"] = "p-0", "w 3"
    table.to_csv(cohort, index=False)
    words = [*TINY, *small, f"data.manifest={cohort}"]
    with pytest.raises(SystemExit):
        train(*words, f"hydra.run.dir={run}", outputs=tmp_path)
    assert "in 2 spellings: 'P00' (1 image), 'p-0' (1 image)" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        command("check", *words, f"hydra.run.dir={tmp_path / 'check'}", outputs=tmp_path)
    alias = tmp_path / "check" / "patient_alias.csv"
    assert alias.read_text() == "patient,same_as\np-0,P00\nw 3,W03\n"

    train(*words, f"data.patient_alias={alias}", f"hydra.run.dir={run}", outputs=tmp_path)
    split = pd.read_csv(run / "split.csv")
    assert split["patient"].nunique() == 12
    assert split.groupby("patient")["split"].nunique().max() == 1
    assert (run / "patient_alias.csv").read_bytes() == alias.read_bytes()
    command("evaluate", f"run={run}", "trainer=cpu", outputs=tmp_path)
    (again,) = (run / "evaluations").iterdir()
    assert (again / "patient_alias.csv").read_bytes() == alias.read_bytes()
    train(f"train.resume={run}", "trainer.max_epochs=2", outputs=tmp_path)
    assert set(pd.read_csv(run / "split.csv")["patient"]) == set(split["patient"])

    alias.write_text("patient,same_as\np-0,P00\nw 3,P01\n")
    for name, words in (
        ("evaluate", [f"run={run}"]),
        ("train", [f"train.resume={run}", "trainer.max_epochs=3"]),
    ):
        with pytest.raises(SystemExit):
            command(name, *words, outputs=tmp_path)
        assert "was changed since this run was started" in capfd.readouterr().err
    alias.unlink()
    command("evaluate", f"run={run}", "trainer=cpu", outputs=tmp_path)
