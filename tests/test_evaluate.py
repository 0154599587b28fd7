"""``livergrade.evaluate``, on the run's own cohort and on another."""

import json
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.config.schema import DataConfig, EvaluateConfig
from livergrade.multirun.ensemble import open_run
from livergrade.runs.run import Run
from livergrade.training.evaluate_trained import _options
from tests.conftest import GRADES, as_own, command, draw_image, telling

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def trained(tiny_run: Path, tmp_path: Path) -> Path:
    """A finished run of its own."""
    return Path(shutil.copytree(tiny_run, tmp_path / "trained"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another cohort: six patients, two of which are named as in the first."""
    rows = []
    for number in range(6):
        image = f"{number}.png"
        draw_image(tmp_path / "elsewhere" / image, 77 + number, number % 3)
        rows.append((image, f"Q{number}", GRADES[number % 3], "north"))
    manifest = tmp_path / "elsewhere" / "cohort.csv"
    pd.DataFrame(rows, columns=["image", "patient", "grade", "site"]).to_csv(manifest, index=False)
    return manifest


def evaluated(trained: Path) -> Path:
    (folder,) = (trained / "evaluations").iterdir()
    return folder


@pytest.mark.slow
def test_a_run_scored_again_gives_the_same(trained: Path, small: list[str], tmp_path: Path) -> None:
    words = ("trainer.accelerator=cpu", "trainer.progress=false")
    command("evaluate", f"run={trained}", *words, outputs=tmp_path)
    again = evaluated(trained)
    assert not (again / "earlier_start_1").exists()
    first, second = (pd.read_csv(folder / "predictions.csv") for folder in (trained, again))
    pd.testing.assert_frame_equal(first, second, rtol=1e-5)
    counted = [json.loads((folder / "metrics.json").read_text()) for folder in (trained, again)]
    assert counted[0]["image"]["confusion"] == counted[1]["image"]["confusion"]
    assert counted[0]["patient"]["accuracy"] == counted[1]["patient"]["accuracy"]
    fitted = [(folder / "calibration.json").read_text() for folder in (trained, again)]
    assert json.loads(fitted[0])["patients"] == json.loads(fitted[1])["patients"] == 3
    left = {path.name for path in again.iterdir()}
    assert {"report.html", "figures", "environment.json", "finished.json", "evaluate.log"} <= left


def test_the_options_of_an_evaluation_are_not_those_of_the_run(tiny_run: Path, elsewhere: Path) -> None:
    """What an ensemble fits follows from its own options, so they must stay as they are."""
    run = Run(tiny_run)
    before = deepcopy(run.config)
    data = DataConfig(name="manifest", manifest=str(elsewhere))
    options = _options(EvaluateConfig(run=str(tiny_run), data=data, views="2"), run)
    assert (options.split.name, options.augment.test_views) == ("external", "2")
    assert run.config == before


@pytest.mark.slow
def test_folds_grade_another_cohort_with_the_temperature_of_all_their_members(
    folds: Path, elsewhere: Path, tmp_path: Path
) -> None:
    words = ["data=manifest", f"data.manifest={elsewhere}", f"data.cache_dir={tmp_path}", "trainer=cpu"]
    command("evaluate", f"run={folds}", *words, f"hydra.run.dir={tmp_path / 'evaluated'}", outputs=tmp_path)
    kept = json.loads((tmp_path / "evaluated" / "calibration.json").read_text())
    assert kept["temperature"] == open_run(folds).calibration["temperature"]


def test_another_cohort_is_graded_whole(trained: Path, elsewhere: Path, tmp_path: Path) -> None:
    words = ["data=manifest", f"data.manifest={elsewhere}", f"data.cache_dir={tmp_path}", "views=2"]
    words += ["recalibrate=true", "conformal.by_grade=true"]
    command("evaluate", f"run={trained}", *words, "trainer=cpu", outputs=tmp_path)
    folder = evaluated(trained)
    predictions = pd.read_csv(folder / "predictions.csv")
    assert len(predictions) == 12
    assert set(predictions["split"]) == {"test"}
    assert set(predictions["site"]) == {"north"}
    probabilities = predictions[[f"p_{grade}" for grade in GRADES]].to_numpy()
    assert np.allclose(probabilities.sum(1), 1)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["counts"] == {"views": 12, "images": 6, "patients": 6, "mixed_grade_patients": 0}
    assert metrics["leakage"]["leaking"] is False
    split = pd.read_csv(folder / "split.csv")
    assert set(split["split"]) == {"train", "val", "test"}  # what it was trained on, for the reader
    assert (folder / "calibration.json").read_text() == (trained / "calibration.json").read_text()
    assert metrics["calibration"]["recalibrated"] is True
    assert metrics["calibration"]["patients"] == 6
    assert "Recalibrated on these 6 patients" in (folder / "evaluate.log").read_text()
    assert metrics["conformal"]["calibration_patients"] == 3
    assert "one threshold for all grades" in metrics["conformal"]["fallback"]
    facts = json.loads((folder / "environment.json").read_text())
    assert facts["trained_run"] == str(trained)
    assert "livergrade.evaluate" in facts["command"]


@pytest.mark.slow
def test_a_folder_cohort_may_lack_a_grade(trained: Path, tmp_path: Path) -> None:
    for number in range(4):
        draw_image(
            tmp_path / "other" / GRADES[number % 2 * 2] / f"Q{number}.png", 77 + number, number % 2 * 2
        )
    words = ["data=folder", f"data.root={tmp_path / 'other'}", r"data.patient_pattern='(?P<patient>Q\d)'"]
    words += [f"data.cache_dir={tmp_path}", "views=2", "trainer=cpu"]
    command("evaluate", f"run={trained}", *words, outputs=tmp_path)
    metrics = json.loads((evaluated(trained) / "metrics.json").read_text())
    recall = metrics["image"]["per_class"][GRADES[1]]["recall"]
    assert recall["value"] is None
    assert recall["reason"]


def test_what_was_trained_on_is_no_other_cohort(
    trained: Path, elsewhere: Path, manifest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(elsewhere)
    seen = pd.read_csv(trained / "split.csv").query("split == 'train'").iloc[0]
    shutil.copy(manifest.parent / seen["image"], elsewhere.parent / "copied.png")
    table.loc[0, "image"] = "copied.png"
    spelled = table.loc[1, "patient"] = f"{seen['patient'][0].lower()}-{int(seen['patient'][1:])}"
    table.to_csv(elsewhere, index=False)
    words = ["data=manifest", f"data.manifest={elsewhere}", f"data.cache_dir={tmp_path}", "trainer=cpu"]
    with pytest.raises(SystemExit):
        command("evaluate", f"run={trained}", *words, outputs=tmp_path)
    told = capfd.readouterr().err
    assert f"copied.png: the same file was trained on as {seen['image']}" in told
    assert f"1 patient trained on: {spelled} (as {seen['patient']})" in told
    assert "same_names=true" in told
    assert not (trained / "evaluations").exists() or not list((trained / "evaluations").iterdir())

    table.loc[0, "image"] = "0.png"
    table.to_csv(elsewhere, index=False)
    command("evaluate", f"run={trained}", *words, "same_names=true", outputs=tmp_path)
    split = pd.read_csv(evaluated(trained) / "split.csv")
    assert f"{seen['patient']} (of training)" in set(split["patient"])


@pytest.mark.parametrize(
    ("words", "told"),
    telling(
        [
            ([], "run: is missing; give the folder of a run"),
            (["run=nowhere"], "is not a run"),
            (["run={trained}", "data=manifest"], "data.manifest: data=manifest needs the CSV file"),
            (
                ["run={trained}", "data=synthetic", "data.image_size=96"],
                "data.image_size: is the trained run's",
            ),
            (["run={trained}", "views=500"], "augment.test_views=500"),
            (["run={trained}", "recalibrate=true"], "recalibrate: is for another cohort, as data=manifest"),
        ],
        fast=(1, 3, 4),
    ),
)
def test_mistakes_are_told(
    trained: Path, words: list[str], told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command("evaluate", *(word.format(trained=trained) for word in words), outputs=tmp_path)
    assert told in capfd.readouterr().err


def test_one_patient_can_not_be_recalibrated_by_others(
    trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in (0, 1):
        draw_image(tmp_path / f"{number}.png", number, 7 + number)
    (tmp_path / "one.csv").write_text("image,patient,grade\n0.png,X1,poor\n1.png,X1,poor\n")
    words = ["data=manifest", f"data.manifest={tmp_path / 'one.csv'}", "trainer=cpu", "recalibrate=true"]
    with pytest.raises(SystemExit):
        command("evaluate", f"run={trained}", *words, f"data.cache_dir={tmp_path}", outputs=tmp_path)
    told = capfd.readouterr().err
    assert "recalibrate: each patient is calibrated by the cohort's others, and it has one patient" in told
    assert "Traceback" not in told


def test_a_cohort_of_another_scale_and_another_way_of_colours_are_refused(
    trained: Path, elsewhere: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scale = {"images": 12, "low": 20.0, "median": 20.0, "high": 20.0, "network_um": 0.625}
    (trained / "scale.json").write_text(json.dumps(scale))
    as_own(trained)
    words = ["data=manifest", f"data.manifest={elsewhere}", f"data.cache_dir={tmp_path}", "trainer=cpu"]
    for more, told in (
        ("data.mpp=1", "6 of 6 images are of another scale than the run:\n  0.png shows 40 µm"),
        ("data.icc=apply", "data.icc: is the trained run's; leave it out"),
    ):
        with pytest.raises(SystemExit):
            command("evaluate", f"run={trained}", *words, more, outputs=tmp_path)
        assert told in capfd.readouterr().err
