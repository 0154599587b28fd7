"""What a prediction leaves."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from livergrade.config.schema import PredictConfig
from livergrade.inference.answers import Answers
from livergrade.inference.outputs import write_answers
from tests.conftest import GRADES


def test_patients_are_answered_and_everything_is_told_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVERGRADE_TYPED", json.dumps(["livergrade/predict.py", "run=run"]))
    grader = SimpleNamespace(
        classes=list(GRADES), model="senet", degrees=[0, 90], temperature=1.5, ensemble=False
    )
    images = pd.DataFrame(
        {
            "image": ["a.png", "b.png", "c.png"],
            "patient": ["007", "007", "8"],
            "predicted": ["poor", "poor", "well"],
            "p_poor": [0.9, 0.5, 0.0],
            "p_moderate": [0.1, 0.3, 0.4],
            "p_well": [0.0, 0.2, 0.6],
            "unlike": 0.0,
        }
    )
    calibration = {"scores": None, "reason": "none was fitted", "temperature": None, "views": 2}
    config = PredictConfig(run="run", abstain=0.65)
    options = {"views": 2, "calibrated": False, "coverage": 0.9, "by_grade": False, "abstain": 0.65}
    answers = Answers(calibration, grader.classes, **options)
    failed, parts = {"d.png": "is damaged"}, {"grader": grader, "answers": answers, "config": config}
    write_answers(tmp_path, answers(images, "image"), pd.DataFrame(), failed, **parts)
    patients = pd.read_csv(tmp_path / "patients.csv", dtype={"patient": str}).set_index("patient")
    assert patients.loc["007", "p_poor"] == 0.7
    assert patients["answer"].to_dict() == {"007": "poor", "8": "unsure"}
    assert not (tmp_path / "slides.csv").exists()
    told = json.loads((tmp_path / "predictions.json").read_text())
    assert told["failed"] == {"d.png": "is damaged"}
    assert (told["views"], told["temperature"], told["no_sets"]) == (2, 1.5, "none was fitted")
    assert (told["by_grade"], told["by_grade_fallback"]) == (False, None)
    assert [row["image"] for row in told["images"]] == ["a.png", "b.png", "c.png"]
    assert told["slides"] == []
