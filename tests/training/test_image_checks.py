"""Checks of a cohort's images, all of them or some; the command's own are in test_preflight.py."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort, from_manifest
from livergrade.training import image_checks
from livergrade.training.image_checks import check_appearance, check_images
from tests.conftest import write_cohort
from tests.data.test_quality import stained


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """24 plausible images."""
    manifest = write_cohort(tmp_path)
    for number, image in enumerate(pd.read_csv(manifest)["image"]):
        Image.fromarray(stained(number)).save(tmp_path / image)
    return from_manifest(manifest, ["poor", "moderate", "well"])


def test_a_cohort_that_is_dark_throughout_is_told(cohort: Cohort) -> None:
    (finding,) = check_appearance(cohort)
    assert (finding.level, finding.what) == ("PASS", "appearance")
    for path in cohort.paths:
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
        Image.fromarray(grey // 16).save(path)  # 12 bits in 16, of which another program took the upper 8
    findings = {finding.what: finding for finding in check_images(cohort, TrainConfig(), None)}
    assert findings["nearly black images"].level == "WARN"
    assert findings["nearly black images"].message.startswith("24 of 24 images: ")
    assert "12" in findings["nearly black images"].fix
    assert findings["stain outliers"].level == "PASS"  # since they are all alike


def test_a_run_looks_at_some_images_alone(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(255 - stained()).save(cohort.paths[0])
    cohort.paths[8].write_bytes(b"damaged since it was checked")
    monkeypatch.setattr(image_checks, "LOOKED_AT", 6)
    (finding,) = check_appearance(cohort)
    assert finding.what == "negative images"
    assert finding.message == f"1 of 6 looked at, livergrade.check looks at all: {cohort.table['image'][0]}"
