"""Which images are read."""

from pathlib import Path

import pandas as pd
import pytest

from livergrade.config.schema import DataConfig, ReviewConfig
from livergrade.errors import UserError
from livergrade.reading.images import images_of, of_run
from livergrade.runs.run import Run
from tests.conftest import write_cohort, write_dicom
from tests.reading.client import options, write_images


def test_a_table_needs_images_alone(tmp_path: Path) -> None:
    table = write_images(tmp_path)
    pd.read_csv(table)[["image"]].assign(site="A").to_csv(tmp_path / "manifest.csv", index=False)
    for config in (options(table), options(tmp_path)):  # a folder that prepare left
        found = images_of(config)
        assert list(found.table.columns[:5]) == ["image", "sha256", "patient", "grade", "mpp"]
        assert (found.table["sha256"].str.len() == 64).all()
        assert found.root == tmp_path
    assert found.table["site"].tolist() == ["A"] * 4


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    table = write_images(tmp_path)
    (tmp_path / "i1.png").write_bytes(b"no image")
    rows = pd.read_csv(table, dtype=str)
    rows.loc[2, "image"], rows.loc[3, "image"] = "../x.png", "i0.png"
    rows.to_csv(table, index=False)
    with pytest.raises(UserError) as told:
        images_of(options(table))
    message = str(told.value)
    assert "3 problem(s)" in message
    assert "i0.png again" in message
    assert "lies outside" in message
    with pytest.raises(UserError, match="there is no such table"):
        images_of(options(tmp_path / "none.csv"))


def test_a_cohort_is_read_as_training_reads_it(tmp_path: Path) -> None:
    write_cohort(tmp_path, patients=1, images=1)
    data = DataConfig(name="folder", root=str(tmp_path), patient_pattern=r"(?P<patient>[PMW]\d+)_")
    found = images_of(ReviewConfig(data=data, readers=["anna"]))
    assert found.table["grade"].tolist() == ["moderate", "poor", "well"]


def test_the_test_images_of_a_run(tiny_run: Path) -> None:
    run = Run(tiny_run)
    found = of_run(run, outside=False)
    assert set(found.table["image"]) == set(run.tested["image"])
    assert dict(zip(found.table["image"], found.table["sha256"], strict=True)).items() <= run.contents.items()


def test_slides_that_differ_in_their_data_alone_are_two(tmp_path: Path) -> None:
    pytest.importorskip("openslide")
    for folder, number in (("a", 2), ("b", 3), ("c", 2)):
        (tmp_path / folder).mkdir()
        write_dicom(tmp_path / folder / "x.dcm", "1.2")
        write_dicom(tmp_path / folder / "level.dcm", "1.2", side=64, number=number)
    slides = [f"{folder}/x.dcm" for folder in "abc"]
    pd.DataFrame({"slide": slides}).to_csv(tmp_path / "slides.csv", index=False)
    found = images_of(options(tmp_path / "slides.csv")).table
    one, other, copied = found["sha256"]
    assert one == copied != other
    pd.DataFrame({"slide": slides, "sha256": [one, one, one]}).to_csv(tmp_path / "slides.csv", index=False)
    with pytest.raises(UserError, match="does not match the sha256") as told:
        images_of(options(tmp_path / "slides.csv"))
    assert "1 problem(s)" in str(told.value)


def test_a_folder_of_images_or_of_half_a_slide_is_told_what_it_lacks(tmp_path: Path) -> None:
    pytest.importorskip("openslide")
    write_images(tmp_path)
    with pytest.raises(UserError, match=r"holds no slide .*\n.* a table with the column image"):
        images_of(options(tmp_path))
    (tmp_path / "m.mrxs").write_bytes(b"x")
    with pytest.raises(
        UserError, match=r"slide 1: .*m\.mrxs can't be opened: Slidedat\.ini not in its folder m"
    ):
        images_of(options(tmp_path))


def test_grades_that_are_kept_are_those_of_training(tmp_path: Path) -> None:
    table = write_images(tmp_path)
    rows = pd.read_csv(table, dtype=str).assign(grade=["G1", "", "Well", "G1"])
    rows.to_csv(table, index=False)
    assert images_of(options(table)).table["grade"].tolist() == ["G1", "", "Well", "G1"]  # read blinded
    with pytest.raises(UserError) as caught:
        images_of(options(table, mode="confirm"))
    message = str(caught.value)
    assert "row 5: grade 'G1' is not in data.classes (poor, moderate, well)" in message
    assert "'data.grades={G1: <grade, or null to leave it out>, Well: well}'" in message
    config = options(table, mode="confirm")
    assert config.data
    config.data.grades = {"G1": "poor", "Well": "well"}
    assert images_of(config).table["grade"].tolist() == ["poor", "", "well", "poor"]
