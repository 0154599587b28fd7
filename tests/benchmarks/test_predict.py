"""The time of the first prediction beside that of an import."""

import json
from pathlib import Path

import pandas as pd
import pytest


@pytest.mark.slow
def test_a_prediction_is_timed_against_importing_torch(
    script, tiny_run: Path, manifest: Path, tmp_path: Path
) -> None:
    image = manifest.parent / pd.read_csv(manifest)["image"][0]
    printed = script("predict", tiny_run, image, "--rounds", "1", "--json", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert 0 < found["import torch"] < found["predict"]
    assert found["ratio"] == found["predict"] / found["import torch"] == found["least"] == found["most"]
    assert f"| {found['ratio']:.2f} (" in printed
