"""Each patient of a cross-validation is graded by the member that tested it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import GRADES, command

pytestmark = pytest.mark.usefixtures("undrawn", "unreported")


def test_a_cross_validation_is_evaluated_out_of_fold(folds: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("evaluate", f"run={folds}", "trainer.accelerator=cpu", f"hydra.run.dir={out}", outputs=tmp_path)
    found = pd.read_csv(out / "predictions.csv")
    tables = [pd.read_csv(file) for file in folds.glob("*/predictions.csv")]
    tested = pd.concat([table[table["split"] == "test"] for table in tables])
    both = found.merge(tested, on=["image", "angle"], suffixes=("", "_then"))
    assert len(both) == len(found) == len(tested)
    for grade in GRADES:
        assert both[f"p_{grade}"].tolist() == pytest.approx(both[f"p_{grade}_then"].tolist(), abs=1e-5)
    assert found.groupby("fold")["patient"].nunique().sum() == found["patient"].nunique() == 12
    metrics = json.loads((out / "metrics.json").read_text("utf-8"))
    assert metrics["how"]["folds"].startswith("The folds of a cross-validation share training patients")
    assert metrics["calibration"]["fitted_on"] == "out-of-fold predictions"
    assert metrics["conformal"]["calibration_patients"] == 12
    assert "familiarity" not in metrics
    assert not any(group["column"] == "fold" for group in metrics["subgroups"])
