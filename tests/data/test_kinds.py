"""Every kind of cohort: the options that it takes, and that it is read."""

from pathlib import Path

import pandas as pd
import pytest

from livergrade.config.schema import DataConfig
from livergrade.data.cohort import from_manifest
from livergrade.data.kinds import KINDS, cohort_problems, read_cohort
from livergrade.errors import UserError
from tests.conftest import GRADES

PATTERN = r"(?P<patient>[PMW]\d\d)_"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "slides"}, "data.name=slides: must be one of synthetic, manifest, folder"),
        ({"name": "manifest"}, "data.manifest: data=manifest needs the CSV file"),
        ({"name": "folder", "root": "images"}, "data.root, data.patient_pattern: data=folder needs both"),
        (
            {"name": "synthetic", "manifest": "x.csv"},
            "data.manifest=x.csv: has no effect with data=synthetic; set data=manifest",
        ),
        (
            {"name": "synthetic", "root": "images"},
            "data.root=images: has no effect with data=synthetic; set data=manifest or folder",
        ),
    ],
)
def test_options_that_do_not_fit_the_kind_are_told(options: dict[str, str], told: str) -> None:
    (found,) = cohort_problems(DataConfig(**options))
    assert found.startswith(told)
    with pytest.raises(UserError, match="these options can't be used"):
        read_cohort(DataConfig(**options))


def test_each_kind_is_happy_with_what_it_needs() -> None:
    for name, kind in KINDS.items():
        assert cohort_problems(DataConfig(name=name, **dict.fromkeys(kind.needs, "given"))) == [], name


def test_a_manifest_and_a_folder_are_read(manifest: Path, tmp_path: Path) -> None:
    expected = from_manifest(manifest, list(GRADES)).table
    listed = read_cohort(DataConfig(name="manifest", manifest=str(manifest), cache_dir=str(tmp_path)))
    pd.testing.assert_frame_equal(listed.table, expected)
    folder = {"name": "folder", "root": str(manifest.parent), "patient_pattern": PATTERN}
    found = read_cohort(DataConfig(**folder, cache_dir=str(tmp_path)))
    pd.testing.assert_frame_equal(found.table, expected.drop(columns="sex"))
