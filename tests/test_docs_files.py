"""docs/files.md tells what the files really hold: nothing that is there is left out, nothing is made up."""

import importlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from livergrade.runs.folder import FORMAT
from tests.conftest import command, finished_run

PAGE = (Path(__file__).parents[1] / "docs" / "files.md").read_text("utf-8")
TABLE = re.compile(r"^\|.*\|\n\| --- .*\n((?:\|.*\|\n)+)", re.MULTILINE)


def tables(heading: str) -> list[str]:
    """The rows of each table under a heading, up to the next heading of its kind or above."""
    hashes = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{2,{len(hashes)}}} |\Z)", PAGE, re.M | re.S)
    assert found, heading
    return TABLE.findall(found[1])


def rows(heading: str, number: int = 0) -> dict[str, str]:
    """What is named in the first cell of each row → the rest of the row."""
    told: dict[str, str] = {}
    for row in tables(heading)[number].splitlines():
        first, _, rest = row.strip("| ").partition(" | ")
        told |= dict.fromkeys(re.findall(r"`([^`]+)`", first), rest)
    return told


def lacking(told: dict[str, str], found: list[str]) -> tuple[list[str], list[str]]:
    """What is there and not told, and what is told as always there and is not."""
    patterns = {name: re.sub("<[^>]+>", "[^/]+", name.replace(".", r"\.")) for name in told}
    always = [name for name, rest in told.items() if not re.search(r"optional|alone|only", rest)]
    return (
        [one for one in found if not any(re.fullmatch(pattern, one) for pattern in patterns.values())],
        [name for name in always if not any(re.fullmatch(patterns[name], one) for one in found)],
    )


@pytest.mark.parametrize("name", ["split", "predictions", "appearance", "history"])
def test_every_column_of_a_run_is_told(tiny_run: Path, name: str) -> None:
    columns = list(pd.read_csv(tiny_run / f"{name}.csv").columns)
    if name == "predictions":
        assert columns[-1] == "sex"  # the manifest's
        columns.pop()
    assert lacking(rows(f"### `{name}.csv`"), columns) == ([], [])


@pytest.mark.parametrize("name", ["metrics", "calibration", "appearance", "environment"])
def test_every_key_of_a_run_is_told(tiny_run: Path, name: str) -> None:
    keys = list(json.loads((tiny_run / f"{name}.json").read_text()))
    assert lacking(rows(f"### `{name}.json`"), keys) == ([], [])


def test_every_figure_and_what_an_estimate_holds_is_told(tiny_run: Path) -> None:
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    figures, estimate = rows("### `metrics.json`", 1), rows("### `metrics.json`", 2)
    assert lacking(figures, list(metrics["patient"])) == ([], [])
    of_each = set(re.findall(r"`(\w+)`", figures["per_class"]))
    assert of_each == set(metrics["patient"]["per_class"]["poor"])
    for level in ("view", "image", "patient"):
        assert lacking(estimate, list(metrics[level]["accuracy"])) == ([], [])
        assert lacking(estimate, list(metrics[level]["macro_auroc"])) == ([], [])


def test_every_file_of_a_run_is_told(tiny_run: Path) -> None:
    told = rows("## A run")
    files = [path.relative_to(tiny_run).as_posix() for path in tiny_run.rglob("*") if path.is_file()]
    assert len(files) > 30
    unknown, absent = lacking(told, files)
    assert unknown == []
    # Without maps, resumed, evaluated and exported it would have these, too.
    without = {
        "sanity.json",
        "mistakes/<place>_maps.jpg",
        ".hydra_resumed/<name>.yaml",
        "evaluations/<time>/…",
        "export/…",
    }
    assert set(absent) == without
    figures = {path.stem for path in (tiny_run / "figures").iterdir()}
    assert lacking(rows("### Figures and pictures"), sorted(figures)) == ([], [])


def test_the_format_number_is_the_runs(tiny_run: Path) -> None:
    assert next(iter(yaml.safe_load((tiny_run / "config.yaml").read_text()).items())) == ("format", FORMAT)
    assert f"`format: {FORMAT}`" in PAGE


def test_every_function_that_reads_is_there() -> None:
    named = set(re.findall(r"`(livergrade(?:\.[a-z_]+)+)\.(Run\.)?([a-z_]+)`", PAGE))
    assert len(named) > 10
    for module, owner, name in named:
        try:
            found = importlib.import_module(f"{module}.{name}")  # a command
        except ModuleNotFoundError:
            found = importlib.import_module(module)
            assert hasattr(found.Run if owner else found, name), f"{module}.{owner}{name}"


@pytest.mark.slow
def test_what_a_comparison_leaves_is_told(tmp_path: Path) -> None:
    for model in ("senet", "cbam"):
        for kind in ("patient", "image"):
            finished_run(tmp_path / "runs" / f"{kind}_{model}", model, kind=kind)
    command("compare", str(tmp_path / "runs"), "resamples=100", "permutations=100", outputs=tmp_path)
    out = tmp_path / "runs" / "comparison"
    keys = list(json.loads((out / "comparison.json").read_text()))
    assert lacking(rows("### `comparison.json`"), keys) == ([], [])
    left = {path.stem.removesuffix("_patient").removesuffix("_image") for path in (out / "tables").iterdir()}
    told = rows("### Tables")
    assert set(told) == left | {"learning_curve"}  # only where there are several sizes
    for name in ("accuracy", "grades", "scores", "pairs", "split"):
        columns = list(pd.read_csv(out / "tables" / f"{name}_patient.csv").columns)
        estimate = ["value", "low", "high", "sd", "n", "reason", "values"]
        own = [column for column in columns if column not in estimate]
        assert own == re.findall(r"`(\w+)`", told[name].partition(";")[0].replace("(or `total`)", "")), name
        assert (len(own) < len(columns)) == ("an estimate" in told[name]), name


def test_what_a_prediction_leaves_is_told(tiny_run: Path, manifest: Path, tmp_path: Path) -> None:
    table = pd.read_csv(manifest).head(2)
    table["image"] = [str(manifest.parent / image) for image in table["image"]]
    table[["image", "patient"]].to_csv(tmp_path / "given.csv", index=False)
    given = (str(tmp_path / "given.csv"), "data.outside=true")  # absolute paths
    words = (f"run={tiny_run}", *given, f"out={tmp_path / 'out'}", "accelerator=cpu")
    command("predict", *words, outputs=tmp_path)
    files, columns = rows("## A prediction"), rows("## A prediction", 1)
    common = {"predict.log", *(f".hydra/{name}.yaml" for name in ("config", "hydra", "overrides"))}
    left = {
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*.*")
        if path.is_file()
    }
    assert lacking(files, sorted(left - common))[0] == []
    for kind in ("images", "patients"):
        own = {name: rest for name, rest in columns.items() if re.match(rf"all|[^|]*\b{kind}\b", rest)}
        assert lacking(own, list(pd.read_csv(tmp_path / "out" / f"{kind}.csv").columns)) == ([], [])
    named = set(re.findall(r"`(\w+)`", files["predictions.json"]))
    assert set(json.loads((tmp_path / "out" / "predictions.json").read_text())) == named


def test_every_key_of_an_export_is_told() -> None:
    from livergrade.deploy.answer_rules import AnswerRules
    from livergrade.deploy.precision import Precision
    from livergrade.deploy.wsinfer import WsinferConfig

    assert lacking(rows("## An export", 2), list(AnswerRules.__annotations__)) == ([], [])
    lower = rows("## An export", 1)["lower"]
    assert [name for name in Precision.__dataclass_fields__ if f"`{name}`" not in lower] == []
    config = rows("## An export for WSInfer")["config.json"]
    assert [name for name in WsinferConfig.__annotations__ if f"`{name}`" not in config] == []


def test_every_key_of_a_plan_is_told() -> None:
    from livergrade.evaluation.study_plan import (
        ComparisonPlan,
        CountPlan,
        Known,
        Plan,
        ShownComparison,
        ShownWidth,
        Studied,
        WidthPlan,
    )

    told = rows("### `plan.json`")
    assert lacking(told, [*Plan.__annotations__, "command", "made"]) == ([], [])
    parts = {
        "widths": [WidthPlan],
        "comparisons": [ComparisonPlan],
        "counts": [CountPlan],
        "run": [Studied],
        "known": [Known, ShownWidth, ShownComparison],
    }
    everywhere = ["level", "seeds", "folds", "test_patients"]
    for key, types in parts.items():
        keys = {name for kind in types for name in kind.__annotations__} - set(everywhere)
        assert {name for name in keys if f"`{name}`" not in told[key]} == set(), key


def test_every_key_of_a_scale_is_told() -> None:
    from livergrade.evaluation.scale import Scale

    assert lacking(rows("### `scale.json`"), list(Scale.__annotations__)) == ([], [])


def test_every_file_and_key_of_an_agreement_is_told(tmp_path: Path) -> None:
    run, out = finished_run(tmp_path / "run", "senet"), tmp_path / "out"
    split = pd.read_csv(run / "split.csv", dtype=str)
    tested = split[split["split"] == "test"][["image", "grade"]]
    readings = pd.concat([tested.assign(reader=name) for name in ("A", "A", "B", "C")])
    readings.to_csv(tmp_path / "readings.csv", index=False)
    words = [f"readings={tmp_path / 'readings.csv'}", f"run={run}", f"out={out}"]
    command("agreement", *words, outputs=tmp_path)
    keys = list(json.loads((out / "agreement.json").read_text()))
    assert lacking(rows("### `agreement.json`"), keys) == ([], [])
    told = PAGE.partition("## An agreement\n")[2].partition("### ")[0]
    for path in out.rglob("*"):
        if path.suffix in (".csv", ".json", ".png", ".html") and ".hydra" not in path.parts:
            assert re.sub(r"\d+", "<number>", path.name) in told, path.name
