"""The names that ``import livergrade`` has, and docs/python.md."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import livergrade
import livergrade.api.start  # it keeps the make_config that it finds, which a test replaces
from livergrade.api.loaded_run import LoadedRun
from livergrade.cli import make_config as module
from livergrade.config.schema import TrainConfig
from tests.conftest import TINY, command

ROOT = Path(__file__).parents[1]


def test_importing_the_package_loads_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import livergrade; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - sys.stdlib_module_names)); "
        "print(sorted(name for name in sys.modules if name.startswith('livergrade')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "['livergrade']\n['livergrade']\n"


def test_type_checkers_see_the_names_that_there_are() -> None:
    tree = ast.parse((ROOT / "livergrade" / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == livergrade._FROM
    assert set(typed) <= set(dir(livergrade))
    assert set(typed) == set(livergrade.__all__)
    for name in typed:
        assert getattr(livergrade, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = livergrade.nosuch


def blocks(page: Path, language: str) -> list[str]:
    """The code of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def tiny(small: list[str], manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a cohort and images in which everything that is trained is tiny."""
    shutil.copytree(manifest.parent, tmp_path, dirs_exist_ok=True)
    shutil.copytree(manifest.parent / "well", tmp_path / "images" / "new")
    monkeypatch.chdir(tmp_path)
    made = module.make_config

    def tiny_config(*words: str, **named: Any) -> Any:
        if any(word.startswith("train.resume") for word in words):
            return made(*words, "trainer.accelerator=cpu", **named)
        kept = [word for word in words if not word.startswith(("model=", "experiment=", "data"))]
        return made(*kept, *TINY, *small, f"data.manifest={tmp_path / 'cohort.csv'}", **named)

    monkeypatch.setattr(module, "make_config", tiny_config)
    monkeypatch.setattr("livergrade.api.parts.make_config", tiny_config)
    return tmp_path


def test_the_page_runs_as_it_stands(tiny: Path, undrawn: None) -> None:
    code = blocks(ROOT / "docs" / "python.md", "python")
    assert len(code[0].strip().splitlines()) <= 15
    names: dict[str, Any] = {}
    for block in code:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert isinstance(names["run"], LoadedRun)
    assert names["table"]["p_well"].tolist() == pytest.approx(names["answers"]["p_well"].tolist())
    assert (tiny / "confusion.png").is_file()
    assert (tiny / "answers.csv").is_file()


def test_the_page_names_every_name() -> None:
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    assert [name for name in livergrade.__all__ if name not in page] == []


CELLS = json.loads((ROOT / "examples" / "first_run.ipynb").read_text("utf-8"))["cells"]


def test_the_notebook_is_code_and_has_no_output() -> None:
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in CELLS)
    for cell in CELLS:
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), "first_run.ipynb", "exec")


@pytest.mark.slow
def test_the_notebook_runs(tiny: Path, undrawn: None) -> None:
    names: dict[str, Any] = {}
    for cell in CELLS:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "first_run.ipynb", "exec"), names)
    assert "test patients" in names["run"]._repr_html_()


def test_the_experiment_of_the_page_is_composed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ROOT / "docs" / "experiments.md"
    experiment, model, tiny, local = blocks(page, "yaml")
    files = {"experiment/small": experiment, "model/light": model, "model/tiny": tiny, "local/default": local}
    for name, text in files.items():
        file = tmp_path / "mine" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path)
    config = livergrade.make_config("experiment=small", config_dir="mine")
    assert (config.model.reduction, config.optim.name, config.optim.lr, config.seed) == (32, "sgd", 0.05, 3)
    assert config.data.cache_dir == "/scratch/cache"
    backbones = {
        name: livergrade.make_config(f"model={name}", config_dir="mine").model.backbone
        for name in ("efficientnet_lite0", "tiny", "senet")
    }
    assert list(backbones.values()) == ["tf_efficientnet_lite0", "convnext_tiny", None]
    command("train", "-cd", "mine", "experiment=small", "--cfg", "job", outputs=tmp_path)
    assert "reduction: 32" in capsys.readouterr().out
    (tmp_path / "mine" / "experiment" / "small.yaml").write_text(experiment.replace("  lr:", "  lrr:"))
    with pytest.raises(livergrade.UserError) as raised:
        livergrade.make_config("experiment=small", config_dir="mine")
    assert str(raised.value).replace(f"{tmp_path}/", "") in page.read_text("utf-8")


MODEL_OPTIONS = ("head", "weights", "backbone", "reduction")
PREDICT_OPTIONS = (
    *("mpp", "views", "calibrated", "coverage", "abstain", "bits", "batch_size", "workers", "accelerator"),
    *("skip_unreadable", "progress"),
)


def built_with(option: str, run: LoadedRun, value: Any) -> object:
    return livergrade.build_model("senet", **{option: value})


def predicted_with(option: str, run: LoadedRun, value: Any) -> object:
    return run.predict(PIXELS, **{option: value})


PIXELS = np.zeros((40, 40, 3), np.uint8)
WRONG: tuple[Any, ...] = (None, "", {}, [], b"x", object(), np.zeros(3), pd.DataFrame({"a": [1]}))
GIVEN: dict[str, Callable[[LoadedRun, Any], object]] = {
    "make_config": lambda run, value: livergrade.make_config(value),
    "make_config(command)": lambda run, value: livergrade.make_config(command=value),
    "make_config(config_dir)": lambda run, value: livergrade.make_config(config_dir=value),
    "fit": lambda run, value: livergrade.fit(value),
    "fit(out)": lambda run, value: livergrade.fit(TrainConfig(), out=value),
    "load_run": lambda run, value: livergrade.load_run(value),
    "load_run(network)": lambda run, value: livergrade.load_run(run.path, network=value),
    "evaluate_run": lambda run, value: livergrade.evaluate_run(value),
    "evaluate_run(words)": lambda run, value: livergrade.evaluate_run(run, value),
    "evaluate_run(config)": lambda run, value: livergrade.evaluate_run(run, config=value),
    "evaluate_run(out)": lambda run, value: livergrade.evaluate_run(run, out=value),
    "compare_runs": lambda run, value: livergrade.compare_runs(value),
    "compare_runs(one of)": lambda run, value: livergrade.compare_runs([value]),
    "compare_runs(words)": lambda run, value: livergrade.compare_runs(run, value),
    "compare_runs(out)": lambda run, value: livergrade.compare_runs(run, out=value),
    "predict_images": lambda run, value: livergrade.predict_images(value, PIXELS),
    "predict": lambda run, value: run.predict(value),
    "predict(one of)": lambda run, value: run.predict([value]),
    "figure": lambda run, value: run.figure(value),
    "read_cohort": lambda run, value: livergrade.read_cohort(value),
    "make_split": lambda run, value: livergrade.make_split(value),
    "build_model": lambda run, value: livergrade.build_model(value),
    "build_model(classes)": lambda run, value: livergrade.build_model("senet", value),
    **{f"build_model({name})": partial(built_with, name) for name in MODEL_OPTIONS},
    **{f"predict({name})": partial(predicted_with, name) for name in PREDICT_OPTIONS},
}
"""Every argument of every function that is public, given as the value to be tried."""
MAY_BE_NONE = {
    *("make_config(config_dir)", "load_run(network)", "evaluate_run(config)"),
    *("fit(out)", "evaluate_run(out)", "compare_runs(out)", "build_model(weights)", "build_model(backbone)"),
    *("predict(mpp)", "predict(views)", "predict(abstain)", "predict(bits)"),
}


@pytest.mark.parametrize(
    "argument",  # the first of each function, and its others with the slow tests
    [pytest.param(name, marks=[pytest.mark.slow] * ("(" in name)) for name in GIVEN],
)
def test_a_value_of_another_kind_is_one_clear_error(
    argument: str, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = livergrade.load_run(tiny_run)
    for value in WRONG[argument in MAY_BE_NONE :]:
        with pytest.raises(livergrade.UserError) as raised:
            GIVEN[argument](run, value)
        assert len(str(raised.value).splitlines()) <= 3  # a heading, and a line for each problem
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argument", "value", "told"),
    [
        ("load_run", None, "path=None: must be the path of a folder"),
        ("figure", None, "name=None: must be the name of a figure, as 'confusion'"),
        ("make_config", "", "a word is empty; write 'key=value' for each option"),
        ("make_config(config_dir)", 3, "config_dir=3: must be the path of a folder, or None"),
        (
            "predict(mpp)",
            True,
            "these can't be graded:\n  image 0: mpp=True: must be at least 0.05 and at most 20",
        ),
        ("predict", WRONG[-1], "images: is a DataFrame; give its column of names, as table['image']"),
        ("predict", {"a": PIXELS}, "images: is a dict; give its values, as list(images.values())"),
        ("build_model(classes)", True, "classes=True: must be a whole number"),
        ("predict(batch_size)", None, "batch_size: can't be None"),
    ],
)
def test_the_error_says_what_the_value_must_be(
    argument: str, value: object, told: str, tiny_run: Path
) -> None:
    with pytest.raises(livergrade.UserError) as raised:
        GIVEN[argument](livergrade.load_run(tiny_run), value)
    assert str(raised.value) == told
