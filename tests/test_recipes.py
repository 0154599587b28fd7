"""The recipes of CONTRIBUTING.md, typed to the letter into a copy of the package, which then trains."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import yaml

from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.mistakes import worst_images
from livergrade.evaluation.predictions import read_predictions
from tests.conftest import GRADES, TINY

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
RECIPES = ("A backbone of your own", "A metric", "A new kind of cohort")
STEP = re.compile(
    r"^(?:\d\. |   )(?P<told>.*):\n\n   ```(?:python|yaml)?\n(?P<code>(?:(?!   ```$).*\n)*)   ```$", re.M
)
NEW = re.compile(r"`(?P<file>\S+)`, a new file$")
CHANGED = re.compile(
    r"\b(?P<where>above|as the last one of|as the last field of|among the imports of) "
    r"(?:`(?P<name>\w+)` in )?`(?P<file>\S+)`$",
    re.IGNORECASE,
)


class Step(NamedTuple):
    """A block of code and where the document says that it goes; ``where`` is empty for a whole file."""

    file: str
    where: str
    name: str
    code: str


def steps(recipe: str) -> list[Step]:
    """The blocks of a recipe in their order."""
    text = re.search(rf"^### {recipe}\n(.*?)(?=^##)", TEXT, re.M | re.S)
    assert text, recipe
    found = []
    for step in STEP.finditer(text[1]):
        if step["told"] == "Try it":
            continue
        code = "".join(line.removeprefix("   ") for line in step["code"].splitlines(keepends=True))
        if new := NEW.search(step["told"]):
            found.append(Step(new["file"], "", "", code))
        else:
            place = CHANGED.search(step["told"])
            assert place, step["told"]
            found.append(Step(place["file"], place["where"].lower(), place["name"] or "", code))
    fences, tried = re.findall(r"^   ```", text[1], re.M), text[1].count(". Try it:\n")
    assert len(fences) == 2 * (len(found) + tried)  # none is passed over
    return found


def typed(recipe: str) -> list[str]:
    """The words after ``livergrade.check`` in a recipe."""
    text = TEXT[TEXT.index(f"### {recipe}\n") :]
    line = re.search(r"^   python -m livergrade\.check (.*)$", text, re.M)
    assert line
    return shlex.split(line[1])


def place(tree: ast.Module, step: Step) -> int:
    """Before which line of a file, counted from 0, a block goes.

    Raises:
        LookupError: the file has nothing of that name.
    """
    if step.where == "among the imports of":
        return max(node.end_lineno or 0 for node in tree.body if isinstance(node, ast.ImportFrom))
    for node in tree.body:
        names = {
            target.id
            for target in (node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)])
            if isinstance(target, ast.Name)
        } | {getattr(node, "name", None)}
        if step.name not in names:
            continue
        if step.where == "above":
            return node.lineno - 1
        if step.where == "as the last one of":
            return (node.end_lineno or 0) - 1
        assert isinstance(node, ast.ClassDef)
        return max(field.end_lineno or 0 for field in node.body if isinstance(field, ast.AnnAssign))
    raise LookupError(f"{step.file} has no {step.name}")


def apply(step: Step, root: Path) -> None:
    """Type a block where the document says."""
    path = root / step.file
    if not step.where:
        assert not path.exists(), path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.code, "utf-8")
        return
    lines = path.read_text("utf-8").splitlines(keepends=True)
    at = place(ast.parse("".join(lines)), step)
    path.write_text("".join([*lines[:at], step.code, *lines[at:]]), "utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package in which every recipe was followed, up to ``make format``."""
    root = tmp_path_factory.mktemp("recipes")
    for folder in ("livergrade", "conf"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "local"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for recipe in RECIPES:
        for step in steps(recipe):
            apply(step, root)
    for words in (("format",), ("check", "--fix")):
        ruff = [sys.executable, "-m", "ruff", *words, "--quiet", "--no-cache", str(root)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout  # nothing is left to be mended by hand
    return root


def run(copy: Path, *words: str, cwd: Path) -> str:
    """``python`` with these words on the copy; what it printed."""
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "LIVERGRADE_OUTPUTS": str(cwd / "outputs"),
        "LIVERGRADE_CACHE": str(cwd / "cache"),
    }
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_block_parses(recipe: str) -> None:
    """What is to be changed is there, what is new is not; code is Python, files of ``conf/`` are YAML."""
    found = steps(recipe)
    assert found
    for step in found:
        path = ROOT / step.file
        assert path.exists() == bool(step.where)
        if path.suffix == ".yaml":
            assert yaml.safe_load(step.code)["name"] == path.stem
        elif step.where in ("", "above", "among the imports of"):
            compile(step.code, step.file, "exec")
        elif step.where == "as the last field of":
            compile(f"class Config:\n{step.code}", step.file, "exec")
        else:
            opening, closing = "{}" if re.match(r'\s*"', step.code) else "()"
            compile(f"{opening}{step.code}{closing}", step.file, "eval")


def test_the_tests_that_the_recipes_name_are_there() -> None:
    dicts = re.findall(r"in the dict (?:of )?`(\w+)(?:\(\))?` in `(tests/\S+\.py)`", TEXT)
    assert len(dicts) == 2
    for name, file in dicts:
        assert re.search(rf"^(def )?{name}\b(\(| =)", (ROOT / file).read_text("utf-8"), re.M), name


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_new_module_gets_its_tests(recipe: str) -> None:
    new = {step.file for step in steps(recipe) if not step.where}
    for file in new:
        if file.startswith("livergrade/"):
            room, _, name = file.removeprefix("livergrade/").rpartition("/")
            assert f"tests/{room}/test_{name}" in new


@pytest.mark.slow
def test_the_tests_of_the_recipes_pass(copy: Path, tmp_path: Path) -> None:
    own = [str(path) for path in (copy / "tests").rglob("test_*.py")]
    assert len(own) == 2
    assert "failed" not in run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *own, cwd=tmp_path)


def test_what_was_typed_is_in_style_and_in_the_registries(copy: Path, tmp_path: Path) -> None:
    told = run(
        copy,
        "-c",
        "import livergrade\n"
        "from livergrade.data.kinds import KINDS\n"
        "from livergrade.evaluation.metric_catalog import METRICS\n"
        "from livergrade.models.catalog import MODELS\n"
        "from livergrade.runs.paths import CONF\n"
        "print(livergrade.__file__, CONF, list(KINDS)[-1], METRICS[-1].name, MODELS[-1])",
        cwd=tmp_path,
    )
    ours = (copy / "livergrade" / "__init__.py", copy / "conf", "jsonl", "undergraded", "smallnet")
    assert told.split() == [str(one) for one in ours]


@pytest.fixture(scope="module")
def trained(
    copy: Path, manifest: Path, small: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """On the recipe's kind of cohort: a run of the recipe's network with maps, and one of another network."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(manifest.parent, folder, dirs_exist_ok=True)
    table = pd.read_csv(manifest, dtype=str)
    table.to_json(folder / "cohort.jsonl", orient="records", lines=True)
    (folder / "cohort.csv").unlink()
    options = [word for word in small if not re.match(r"data=|data\.manifest|data\.cache_dir", word)]
    options += typed("A new kind of cohort")
    networks = {"first": [*typed("A backbone of your own"), "trainer.map_patients=2"], "second": TINY}
    for name, words in networks.items():
        run(copy, "-m", "livergrade.train", *options, *words, f"hydra.run.dir={folder / name}", cwd=folder)
    return folder / "first", folder / "second"


@pytest.mark.slow
def test_a_network_of_ones_own_trains_and_has_maps(trained: tuple[Path, Path]) -> None:
    first, _ = trained
    config = yaml.safe_load((first / "config.yaml").read_text())
    assert (config["model"]["name"], config["model"]["smallnet_width"]) == ("smallnet", 8)
    channels = ((3, 8), (8, 16), (16, 32))
    weights = sum(9 * before * after + 3 * after for before, after in channels) + 33 * len(GRADES)
    assert json.loads((first / "environment.json").read_text())["parameters"] == weights
    assert json.loads((first / "sanity.json").read_text())["patients"] == 2
    worst = worst_images(read_predictions(first / "predictions.csv"))
    assert len(worst)  # one epoch does not get all right
    assert (first / "report.html").read_text().count('alt="Maps of ') == len(worst)


@pytest.mark.slow
def test_a_kind_of_cohort_of_ones_own_is_read(trained: tuple[Path, Path], manifest: Path) -> None:
    first, _ = trained
    options = yaml.safe_load((first / "config.yaml").read_text())["data"]
    assert (options["name"], options["jsonl"]) == ("jsonl", str(first.parent / "cohort.jsonl"))
    given = pd.read_csv(manifest, dtype=str).set_index("image")
    split = pd.read_csv(first / "split.csv", dtype=str).set_index("image")
    columns = ["patient", "grade"]
    pd.testing.assert_frame_equal(split[columns], given.loc[split.index, columns])
    assert read_predictions(first / "predictions.csv").columns[-1] == "sex"  # carried


@pytest.mark.slow
def test_a_metric_of_ones_own_is_in_metrics_report_and_comparison(
    copy: Path, trained: tuple[Path, Path]
) -> None:
    first, second = trained
    metrics = json.loads((first / "metrics.json").read_text())
    views = read_predictions(first / "predictions.csv").query("split == 'test'")
    for name, level in aggregate(views).items():
        assert metrics[name]["undergraded"]["value"] == pytest.approx((level.predicted > level.truth).mean())
    by_patient = metrics["patient"]["undergraded"]
    assert by_patient["reason"].endswith("test patients: a reliable interval needs 12")
    assert "undergraded" in metrics["how"]["wilson"]
    assert "Graded better than it is" in (first / "report.html").read_text()
    words = (
        str(first),
        str(second),
        "resamples=100",
        "permutations=100",
        f"hydra.run.dir={first.parent / 'out'}",
    )
    run(copy, "-m", "livergrade.compare", *words, cwd=first.parent)
    out = first.parent / "out"
    (arm,) = json.loads((out / "comparison.json").read_text())["arms"]
    (pair,) = arm["pairs"]
    values = [
        next(iter(model["repeats"].values()))["patient"]["undergraded"]["value"]
        for model in (arm["models"][pair["first"]], arm["models"][pair["second"]])
    ]
    assert pair["patient"]["difference"]["undergraded"]["value"] == pytest.approx(values[0] - values[1])
    scores = pd.read_csv(out / "tables" / "scores_patient.csv").query("metric == 'undergraded'")
    assert set(scores["model"]) == {"smallnet", "test_resnet"}
    assert "Undergraded" in (out / "report.html").read_text()
