"""Tables of a comparison."""

import io
from pathlib import Path

import pandas as pd
import pytest

from livergrade.data.split import summary
from livergrade.evaluation.predictions import write_predictions
from livergrade.evaluation.splits import write_split
from livergrade.evaluation.summary import evaluate
from livergrade.io.files import write_json
from livergrade.multirun.grouping import Group, arms
from livergrade.multirun.measures import measure
from livergrade.multirun.paper import TABLE_5, TABLE_6
from livergrade.multirun.tables import Table, arm_tables, cohort_table, gap_table, split_table, write_table
from livergrade.reports.run_report import cohort_counts
from livergrade.runs.find import find_runs
from livergrade.runs.run import Run
from livergrade.training.preflight import check_test_patients
from tests.conftest import GRADES, as_own, finished_run


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Group, dict]:
    folder = tmp_path_factory.mktemp("runs")
    finished_run(folder / "0", "senet", skill=0.3)
    finished_run(folder / "1", "cbam", skill=0.1)
    arm = arms(find_runs([folder])[0])[0][0]
    return arm, measure(arm, resamples=50, permutations=100, seed=0)


@pytest.fixture
def tables(measured: tuple[Group, dict]) -> dict[str, Table]:
    return {table.name: table for table in arm_tables(*measured, "patient")}


def test_the_papers_tables_stand_beside_ours(tables: dict[str, Table]) -> None:
    accuracy = tables["accuracy_patient"].shown
    paper = accuracy[accuracy["Level"] == "the paper: view"].set_index("Model")
    for model in ("senet", "cbam"):
        for grade in ("poor", "moderate", "well"):
            assert float(paper.loc[model, grade]) == TABLE_5[model][grade]
        assert float(paper.loc[model, "Total"]) == TABLE_5[model]["total"]
    grades = tables["grades_patient"].shown.set_index(["Grade", "Model"])
    assert float(grades.loc[("well", "cbam"), "F1, paper"]) == TABLE_6["cbam"]["well"]["f1"]


def test_figures_are_those_measured(tables: dict[str, Table], measured: tuple[Group, dict]) -> None:
    found = measured[1]["models"]["senet"]["repeats"]["0"]
    numbers = tables["accuracy_patient"].numbers.set_index(["model", "level", "grade"])
    for level in ("view", "image", "patient"):
        for key, figure in (
            ("total", found[level]["accuracy"]),
            ("well", found[level]["per_class"]["well"]["recall"]),
        ):
            row = numbers.loc[("senet", level, key)]
            assert (row["value"], row["low"], row["high"]) == (figure["value"], figure["low"], figure["high"])
    text = tables["scores_patient"].shown.set_index("Metric").loc["Quadratic kappa", "senet"]
    kappa = found["patient"]["quadratic_kappa"]
    assert text.replace("−", "-").startswith(f"{kappa['value']:.3f}")


def test_cohort_and_split_are_counted(tables: dict[str, Table], measured: tuple[Group, dict]) -> None:
    cohort = tables["cohort_patient"].numbers.set_index("characteristic")
    assert list(cohort.loc["patients"]) == [10, 10, 10]
    assert list(cohort.loc["images"]) == [20, 20, 20]
    tested = measured[0].runs[0].tested
    men = tested[tested["sex"] == "M"].groupby("grade")["patient"].nunique()
    assert cohort.loc["sex: M (tested patients)", "poor"] == men["poor"]
    split = tables["split_patient"].numbers.set_index(["side", "grade"])
    assert split.loc[("train", "all"), "images"] + split.loc[("test", "all"), "images"] == 60
    assert len(tables["split_patient"].shown) == 2  # there is no validation side in it


def test_patients_of_several_grades_are_counted_alike_everywhere(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run", "senet")
    run = Run(folder)
    names = run.tested["image"].unique()[[0, 3, 5]]  # a tie each, which goes to the worse
    split = run.split.assign(grade=run.split["grade"].mask(run.split["image"].isin(names), "well"))
    table = run.predictions.assign(
        grade=run.predictions["grade"].mask(run.predictions["image"].isin(names), "well")
    )
    write_split(split, folder / "split.csv")
    write_predictions(table, folder / "predictions.csv")
    write_json(evaluate(table, split, resamples=20), folder / "metrics.json")
    as_own(folder)

    run = Run(folder)
    scores = run.metrics["patient"]["per_class"]
    counts = [int(scores[grade]["support"]["value"]) for grade in GRADES]
    assert sum(counts) == run.metrics["counts"]["patients"]
    mixed = run.metrics["counts"]["mixed_grade_patients"]
    assert mixed == 2  # one of the three images is well already

    arm = arms([run])[0][0]
    numbers = split_table(arm).numbers
    of_test = numbers[(numbers["side"] == "test") & (numbers["grade"] != "all")]
    report = cohort_counts(run.split, list(GRADES), folder / "split.csv")
    logged = summary(run.split, list(GRADES)).splitlines()[1:4]
    warned = check_test_patients(run.split, list(GRADES)).message
    assert list(of_test["patients"]) == counts
    assert [dict(report["rows"])[grade][report["parts"].index("test")][0] for grade in GRADES] == counts
    assert [int(line.split()[5]) for line in logged] == counts
    assert [int(word.split()[1]) for word in warned.split(", ")] == counts
    assert report["mixed"] == mixed
    patients = cohort_table(arm).numbers.set_index("characteristic").loc["patients"]
    assert patients.sum() == run.split["patient"].nunique()


def test_a_column_of_places_on_the_slide_is_no_characteristic(measured: tuple[Group, dict]) -> None:
    arm = measured[0]
    run = arm.runs[0]
    kept = run.tested.copy()
    run.__dict__["tested"] = kept.assign(column=kept.groupby("patient").cumcount().astype(str))
    try:
        names = list(arm_tables(*measured, "patient")[0].shown[""])
    finally:
        run.__dict__["tested"] = kept
    assert not [name for name in names if name.startswith("column")]


def test_repeats_are_counted_by_patient_and_fold(tmp_path: Path) -> None:
    for fold in (0, 1):
        finished_run(tmp_path / str(fold), "senet", kind="kfold", fold=fold)
    arm = arms(find_runs([tmp_path])[0])[0][0]
    tables = arm_tables(arm, measure(arm, resamples=20, permutations=20, seed=0), "image")
    split = next(table for table in tables if table.name == "split_kfold")
    assert list(split.shown["Split"]) == ["seed 0, fold 0"] * 2 + ["seed 0, fold 1"] * 2


def test_three_files_of_each_table(tmp_path: Path) -> None:
    table = Table(
        "odd",
        "An odd one",
        "A note.",
        pd.DataFrame([["a|b", "50 % & more_"]], columns=["Model", "100 %"]),
        pd.DataFrame({"model": ["a|b"], "value": [0.1 + 0.2]}),
    )
    write_table(table, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["odd.csv", "odd.md", "odd.tex"]
    assert pd.read_csv(io.StringIO((tmp_path / "odd.csv").read_text()))["value"][0] == 0.1 + 0.2
    assert r"| a\|b | 50 % \& more\_ |" in (tmp_path / "odd.md").read_text()
    latex = (tmp_path / "odd.tex").read_text()
    assert r"50 \% \& more\_" in latex
    assert r"100 \%" in latex
    assert "An odd one" in latex


def test_the_gap_is_signed() -> None:
    row = {"model": "senet", "level": "image", "by_patient": 0.7, "by_image": 0.65, "gap": -0.05}
    row |= {"low": -0.1, "high": 0.02, "method": "", "reason": "", "seeds": ["0", "1"]}
    shown = gap_table([row]).shown
    assert shown.loc[0, "Gap, points"] == "−5.0 (−10.0 to 2.0)"
    assert shown.loc[0, "Seeds"] == "0, 1"
    up = gap_table([row | {"gap": 0.05, "low": None, "high": None, "seeds": []}]).shown
    assert up.loc[0, "Gap, points"] == "+5.0"


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_pair_is_told_as_what_it_is(tmp_path: Path, seeds: int) -> None:
    for seed in range(seeds):
        finished_run(tmp_path / f"a{seed}", "senet", seed=seed, split_seed=0, skill=9, patients=90)
        finished_run(tmp_path / f"b{seed}", "cbam", seed=seed, split_seed=0, skill=0, patients=90)
    arm = arms(find_runs([tmp_path])[0])[0][0]
    tables = arm_tables(arm, measure(arm, resamples=20, permutations=100, seed=0), "patient")
    pairs = next(table for table in tables if table.name == "pairs_patient").shown.loc[0]
    assert pairs["Compared"] == ("two trainings" if seeds == 1 else "3 trainings each")
    assert pairs["Verdict"] == ("training of senet better" if seeds == 1 else "senet better")
    assert float(pairs["Detectable, points"]) > 0
    assert ("McNemar, Holm p" in pairs) == (seeds == 1)
    split = next(table for table in tables if table.name == "split_patient").shown
    assert list(split["Split"]) == ["seed 0"] * 2  # one split, whatever the seeds
