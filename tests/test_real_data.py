"""On real images: EBHI-Seg, whose case numbers come under several spellings. Skipped where it is not."""

import os
from pathlib import Path

import pandas as pd
import pytest

from livergrade.config.schema import SplitConfig
from livergrade.data.cohort import from_folder, from_manifest
from livergrade.data.split import make_split

REAL_DATA = os.environ.get("LIVERGRADE_REAL_DATA", "")
CLASSES = ["Adenocarcinoma", "High-grade IN", "Low-grade IN", "Normal"]
PATTERN = r"GT[a-zA-Z]*(?P<patient>\d{7})"

pytestmark = pytest.mark.skipif(
    not (Path(REAL_DATA) / "ebhi").is_dir() or not REAL_DATA, reason="LIVERGRADE_REAL_DATA has no ebhi folder"
)


def test_cases_stay_whole_under_all_spellings_of_their_prefix() -> None:
    cohort = from_folder(Path(REAL_DATA) / "ebhi", PATTERN, CLASSES, mixed=True)
    assert len(cohort.table) == 1121
    assert cohort.table["patient"].nunique() == 249
    for options in (SplitConfig(seed=0), SplitConfig(name="kfold", fold=3, seed=0)):
        split = make_split(cohort, options)
        assert split.groupby("patient")["split"].nunique().max() == 1
        assert set(split.loc[split["split"] == "test", "grade"]) == set(CLASSES)


def test_folder_and_manifest_give_one_cohort(tmp_path: Path) -> None:
    root = Path(REAL_DATA) / "ebhi"
    found = from_folder(root, PATTERN, CLASSES, mixed=True)
    found.table.drop(columns="sha256").to_csv(tmp_path / "ebhi.csv", index=False)
    listed = from_manifest(tmp_path / "ebhi.csv", CLASSES, root, mixed=True)
    pd.testing.assert_frame_equal(listed.table, found.table)
