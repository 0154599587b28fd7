"""Everything after ``predictions.csv``, from the run folder alone."""

import json
import shutil
from pathlib import Path

import pytest

from livergrade.reports.results import write_results
from tests.conftest import finished_run

pytestmark = pytest.mark.usefixtures("undrawn")


def test_what_follows_from_the_predictions_is_written_again_the_same(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", "senet", patients=12)
    for name in ("metrics.json", "finished.json"):
        (run / name).unlink()
    metrics = write_results(run)
    assert json.loads((run / "metrics.json").read_text()) == metrics
    assert metrics["subgroups"]
    assert json.loads((run / "calibration.json").read_text())["reason"]  # there is no validation side
    assert (run / "report.html").is_file()
    assert {"curves", "roc", "confusion_patient"} <= {path.stem for path in (run / "figures").iterdir()}
    assert not (run / "mistakes").exists()  # nobody said where the images lie
    shutil.rmtree(run / "figures")
    assert write_results(run) == metrics
