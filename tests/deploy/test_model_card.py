"""The model card of an exported network."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from livergrade.deploy.answer_rules import AnswerRules
from livergrade.deploy.model_card import write_card
from livergrade.io.files import write_json
from livergrade.runs.run import Run
from livergrade.runs.starts import timed, with_start
from tests.conftest import GRADES, as_own, finished_run

EXPORTED = {
    "views": [0.0, 90.0],
    "temperature": 1.25,
    "opset": 18,
    "bytes": 12_345_678,
    "sha256": "5" * 64,
    "agreement": {
        "images": 16,
        "source": "test images of the run",
        "max_difference": 3.4e-4,
        "max_difference_of_means": 1e-4,
        "grades_differ": 0,
    },
    "versions": dict.fromkeys(("torch", "onnx", "onnxruntime", "onnxscript"), "1.0"),
}


RULES: AnswerRules = {
    "version": 1,
    "classes": list(GRADES),
    "square": 51,
    "views": [0.0, 90.0],
    "temperature": 1.25,
    "distance_limit": 4.25,
    "coverage": 0.9,
    "by_grade": False,
    "set_limits": {"image": [0.5, 0.5, 0.5], "patient": [0.4, 0.4, 0.4]},
    "no_sets": None,
    "abstain": 0.6,
    "unsure": "unsure",
    "unlike": "unlike training",
}


@pytest.fixture
def card(tmp_path: Path) -> Callable[..., tuple[dict, str]]:
    """Writes the card of a run; returns its fields and the text below them."""

    def write(**options: object) -> tuple[dict, str]:
        folder = finished_run(tmp_path / "run", "senet", **options)
        path = tmp_path / "README.md"
        write_card(Run(folder), EXPORTED, RULES, None, path)
        _, fields, text = path.read_text("utf-8").split("---\n", 2)
        return yaml.safe_load(fields), text

    return write


def test_the_fields_are_those_of_hugging_face(card, tmp_path: Path) -> None:
    fields, text = card()
    assert fields["pipeline_tag"] == "image-classification"
    assert fields["library_name"] == "onnx"
    assert fields["license"] == "unknown"
    (index,) = fields["model-index"]
    (result,) = index["results"]
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    told = {figure["type"]: figure["value"] for figure in result["metrics"]}
    assert told["accuracy"] == metrics["patient"]["accuracy"]["value"]
    assert result["dataset"]["name"] == "synthetic, test patients"
    for words in ("Not a medical device", "computer-generated", "temperature 1.2500", "5" * 64, "3.4e-04"):
        assert words in text
    for grade in GRADES:
        assert f"| {grade} |" in text


def test_what_is_withheld_is_told(tmp_path: Path) -> None:
    run, path = Run(finished_run(tmp_path / "run", "senet")), tmp_path / "README.md"
    write_card(run, EXPORTED, RULES, None, path)
    text = path.read_text("utf-8")
    for words in ("farther than 4.25", "below 0.6 the answer is “unsure”", "holds the true one for 90 %"):
        assert words in text
    assert "Checked against PyTorch" in text
    write_card(run, EXPORTED, RULES, "int8: a quarter of the size.", path)
    assert "- int8: a quarter of the size.\n" in path.read_text("utf-8")
    assert "Before the network was converted, checked against" in path.read_text("utf-8")
    without = RULES | {"distance_limit": None, "abstain": None, "no_sets": "too few patients"}
    write_card(run, EXPORTED, without | {"set_limits": {"image": None, "patient": None}}, None, path)
    text = path.read_text("utf-8")
    for words in ("the run has no limit", "No answer is “unsure”", "no sets of grades: too few patients"):
        assert words in text


def test_a_leaking_split_is_told_beside_every_figure(card) -> None:
    fields, text = card(kind="image")
    figures = fields["model-index"][0]["results"][0]["metrics"]
    assert all("leaking split" in figure["name"] for figure in figures)
    assert "**The split leaks.**" in text


def test_names_cannot_break_yaml_or_tables(card, tmp_path: Path) -> None:
    name = 'a: "b" | <script> #\n---\n*c*'
    fields, text = card(options={"data.name": "manifest", "data.manifest": f"/x/{name}.csv"})
    assert fields["model-index"][0]["results"][0]["dataset"]["type"] == name.replace("\n", " ")
    assert r'a: "b" \| \<script\> \# --- \*c\*' in text
    assert "<script>" not in text


def test_a_resumed_run_tells_each_start(tmp_path: Path) -> None:
    folder, path = finished_run(tmp_path / "run", "senet"), tmp_path / "README.md"
    write_card(Run(folder), EXPORTED, RULES, None, path)
    assert "starts" not in path.read_text("utf-8")
    first = timed(with_start(Run(folder).environment, None, None), 60)
    write_json(timed(with_start(first, first, "step 4, in epoch 2"), 3), folder / "environment.json")
    as_own(folder)
    write_card(Run(folder), EXPORTED, RULES, None, path)
    assert "Trained in 2 starts, 1 min 3 s in all" in path.read_text("utf-8")
    assert "resumed from step 4, in epoch 2, 0 min 3 s" in path.read_text("utf-8")
