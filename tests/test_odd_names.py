"""Grades and patients called like numbers, missing values or truth values stay the text that they are."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from livergrade.runs.folder import read_options
from livergrade.runs.run import Run
from tests.conftest import TINY, command, draw_image, small_options

pytestmark = pytest.mark.usefixtures("undrawn")

WORST = ("1e5", "None", "0.50")
PATIENTS = (
    *("1", "10", "2", "007", "7", "1e5", "NA", "None", "nan", "true", "-", "0.50"),
    *("1.0", "on", "null", "inf", "N/A", "no", "12"),
)


@pytest.fixture
def trained(tmp_path: Path) -> Callable[[tuple[str, ...]], Path]:
    """A run on a cohort of such grades and patients, with two of a column's values called NA and 1."""

    def start(grades: tuple[str, ...]) -> Path:
        rows = []
        for number, patient in enumerate(PATIENTS[: 3 * len(grades)]):
            image = f"{number}.png"
            draw_image(tmp_path / image, number, number // 3)
            rows.append((image, patient, grades[number // 3], ("NA", "1")[number % 2]))
        manifest = tmp_path / "cohort.csv"
        pd.DataFrame(rows, columns=["image", "patient", "grade", "site"]).to_csv(manifest, index=False)
        words = [*TINY, *small_options(manifest), "trainer.limit_batches=1"]
        typed = [f"data.classes=[{','.join(grades)}]", f"data.cache_dir={tmp_path / 'cache'}"]
        typed += ["data.patient_names=exact"]  # 7 and 007 are two people here
        command("train", *words, *typed, f"hydra.run.dir={tmp_path / 'run'}", outputs=tmp_path)
        return tmp_path / "run"

    return start


def check_run(folder: Path, grades: tuple[str, ...]) -> None:
    """What a run's folder tells, read as every other command reads it."""
    run = Run(folder)
    assert read_options(folder).data.classes == list(grades)
    assert run.classes == run.metrics["classes"] == list(grades)
    assert set(run.split["grade"]) == set(run.predictions["grade"]) == set(grades)
    assert set(run.split["patient"]) == set(PATIENTS[: 3 * len(grades)])
    assert set(run.predictions["predicted"]) <= set(grades)
    assert list(run.metrics["patient"]["per_class"]) == list(grades)
    assert {group["value"] for group in run.metrics["subgroups"]} <= {"NA", "1"}
    page = (folder / "report.html").read_text("utf-8")
    assert all(f">{grade}<" in page for grade in grades)


@pytest.mark.slow
def test_a_run_of_odd_names_is_read_as_it_was_written(trained) -> None:
    check_run(trained(WORST), WORST)


@pytest.mark.slow
@pytest.mark.parametrize(
    "grades",
    [
        ("1", "2", "10"),
        ("NA", "True", "-"),
        ("nan", "null", "on"),
        ("total", "all"),
    ],
    ids="|".join,
)
def test_every_command_keeps_odd_names(grades: tuple[str, ...], trained, tmp_path: Path, capsys) -> None:
    folder = trained(grades)
    command("train", f"train.resume={folder}", "trainer.max_epochs=2", outputs=tmp_path)
    check_run(folder, grades)
    command("evaluate", f"run={folder}", "trainer.accelerator=cpu", outputs=tmp_path)
    for evaluation in (folder / "evaluations").iterdir():
        check_run(evaluation, grades)
        first, second = ((run / "predictions.csv").read_text() for run in (folder, evaluation))
        assert first.split("\n")[0] == second.split("\n")[0]

    for _ in range(2):
        command("compare", str(folder), "resamples=100", "permutations=100", outputs=tmp_path)
        (told,) = tmp_path.rglob("comparison.json")
        assert json.loads(told.read_text())["classes"] == list(grades)
        table = pd.read_csv(told.parent / "tables" / "split_patient.csv", dtype=str, keep_default_na=False)
        assert set(table["grade"]) == {*grades, "all"}

    command("explain", f"run={folder}", f"out={tmp_path / 'maps'}", "accelerator=cpu", outputs=tmp_path)
    pytest.importorskip("onnxruntime")
    from livergrade.deploy.onnx_file import open_session

    command("export", f"run={folder}", outputs=tmp_path)
    facts = open_session(folder / "export" / "model.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(facts["classes"]) == list(grades)
    assert json.loads((folder / "export" / "export.json").read_text())["classes"] == list(grades)

    answers = []
    for _ in range(2):
        words = [f"run={folder}", str(tmp_path / "cohort.csv"), f"out={tmp_path / 'answers'}"]
        words += ["accelerator=cpu", "data.patient_names=exact"]
        command("predict", *words, outputs=tmp_path)
        answers.append([(tmp_path / "answers" / name).read_text() for name in ("images.csv", "patients.csv")])
    assert answers[0] == answers[1]
    patients = pd.read_csv(tmp_path / "answers" / "patients.csv", dtype=str, keep_default_na=False)
    assert set(patients["patient"]) == set(PATIENTS[: 3 * len(grades)])
    assert set(patients["predicted"]) <= set(grades)
