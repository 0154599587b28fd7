"""Every kind of cohort: the options that it takes, and that it is read."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from livergrade.config.schema import ColumnsConfig, DataConfig, TrainConfig
from livergrade.data.cohort import from_manifest
from livergrade.data.kinds import KINDS, cohort_problems, open_cohort, read_cohort
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
        (
            {"name": "synthetic", "columns": ColumnsConfig(image="slide_id")},
            "data.columns={'image': 'slide_id'}: has no effect with data=synthetic; set data=manifest",
        ),
        (
            {"name": "synthetic", "grades": {"G1": "well"}},
            "data.grades={'G1': 'well'}: has no effect with data=synthetic; set data=manifest or folder",
        ),
        (
            {"name": "manifest", "manifest": "x.csv", "suffix": "png"},
            "data.suffix=png: did you mean .png? one of: .png, .jpg",
        ),
    ],
)
def test_options_that_do_not_fit_the_kind_are_told(options: dict[str, Any], told: str) -> None:
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


def test_a_resumed_run_keeps_its_names_and_notices_another_table(manifest: Path, tmp_path: Path) -> None:
    alias, run = tmp_path / "alias.csv", tmp_path / "run"
    run.mkdir()
    alias.write_text("patient,same_as\nP00,P01\n")
    config = TrainConfig()
    config.data = DataConfig(
        name="manifest", manifest=str(manifest), cache_dir=str(tmp_path), patient_alias=str(alias)
    )
    cohort = open_cohort(config)
    assert cohort.table["patient"].nunique() == 11
    cohort.keep_names(run)
    config.train.resume = str(run)
    pd.testing.assert_frame_equal(open_cohort(config).table, cohort.table)
    alias.write_text("patient,same_as\nP00,P02\n")
    with pytest.raises(UserError, match=r"alias\.csv: was changed since this run was started"):
        open_cohort(config)
    assert read_cohort(config.data, run=run).table["patient"].nunique() == 11
    alias.unlink()
    pd.testing.assert_frame_equal(open_cohort(config).table, cohort.table)


def test_a_table_of_names_has_no_effect_on_the_embedded_cohort() -> None:
    (told,) = cohort_problems(DataConfig(patient_alias="a.csv"))
    assert told.startswith("data.patient_alias=a.csv: has no effect with data=synthetic")


def test_the_maps_of_a_manifest_and_of_a_folder_give_the_same_cohort(manifest: Path, tmp_path: Path) -> None:
    """Columns, words and suffixes of others, as options; folders with other words for the grades."""
    expected = from_manifest(manifest, list(GRADES)).table
    words = {"poor": "G3", "moderate": "G2", "well": "G1"}
    foreign = pd.read_csv(manifest, dtype=str).rename(columns={"image": "slide_id", "grade": "label"})
    foreign["slide_id"] = foreign["slide_id"].str.removesuffix(".png")
    foreign["label"] = foreign["label"].map(words)
    foreign.to_csv(tmp_path / "foreign.csv", sep=";", index=True)
    grades = {"G1": "well", "G2": "moderate", "G3": "poor"}
    listed = read_cohort(
        DataConfig(
            name="manifest",
            manifest=str(tmp_path / "foreign.csv"),
            root=str(manifest.parent),
            columns=ColumnsConfig(image="slide_id", grade="label"),
            grades=grades,
            suffix=".png",
            cache_dir=str(tmp_path),
        )
    )
    pd.testing.assert_frame_equal(listed.table, expected)
    for grade, word in words.items():
        shutil.copytree(manifest.parent / grade, tmp_path / "images" / word)
    folder = {"name": "folder", "root": str(tmp_path / "images"), "patient_pattern": PATTERN}
    with pytest.raises(UserError, match=r"'data\.grades=\{G1: poor\}'"):
        read_cohort(DataConfig(**folder, cache_dir=str(tmp_path)))
    found = read_cohort(DataConfig(**folder, grades={**grades, "GX": None}, cache_dir=str(tmp_path)))
    facts = ["sha256", "patient", "grade"]
    assert set(found.table[facts].itertuples(index=False)) == set(expected[facts].itertuples(index=False))
