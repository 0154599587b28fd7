"""What a second start takes over from the first: every output is that of a fresh folder."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image

from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError
from livergrade.slides.cut import cut
from livergrade.slides.inputs import read_table
from livergrade.slides.regions import Region, write_regions
from tests.conftest import COLOURS, write_slide
from tests.io import profiles

SQUARES = [shapely.box(x, y, x + side, y + side) for x, y, side in COLOURS]


@dataclasses.dataclass
class Case:
    """Slides, a table and regions in a folder, and the options to cut them with."""

    folder: Path
    config: PrepareConfig
    slides: list[Path]

    def start(self, out: str) -> dict[str, bytes]:
        """Cut; returns the content of what is written by its name, but for the record."""
        table = read_table(self.folder / "table.csv", self.slides, self.config)
        failed = cut(self.slides, table, self.config, self.folder / out)
        assert not failed
        files = [path for path in (self.folder / out).rglob("*") if path.is_file()]
        names = {path.relative_to(self.folder / out).as_posix(): path for path in files}
        return {
            name: path.read_bytes()
            for name, path in names.items()
            if name != "kept.json" and not name.startswith("earlier_start_")
        }


@pytest.fixture
def case(tmp_path: Path) -> Case:
    config = PrepareConfig(
        regions=str(tmp_path / "marked"), width=100, height=80, mpp=0.5, rows=1, columns=2, min_focus=0
    )
    for name in ("a", "b"):
        write_slide(tmp_path / f"{name}.tif", None)
        mark(tmp_path, name, SQUARES[:1])
    write_table(tmp_path, "a,P1,poor,0.5,F\nb,P2,well,0.5,M\n")
    return Case(tmp_path, config, [tmp_path / "a.tif", tmp_path / "b.tif"])


def mark(folder: Path, slide: str, outlines: list[shapely.Polygon]) -> None:
    (folder / "marked").mkdir(exist_ok=True)
    regions = [Region(f"R{number:02d}", "", outline) for number, outline in enumerate(outlines, 1)]
    write_regions(regions, folder / "marked" / f"{slide}.geojson")


def write_table(folder: Path, rows: str) -> None:
    (folder / "table.csv").write_text(f"slide,patient,grade,mpp,sex\n{rows}")


def other_options(**values: object) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        case.config = dataclasses.replace(case.config, **values)

    return change


def another_slide(case: Case) -> None:
    """Other pixels, with the date of the first."""
    before = case.slides[0].stat()
    content = write_slide(case.folder / "other.tif", None, grain=9).read_bytes()
    case.slides[0].write_bytes(content)
    os.utime(case.slides[0], ns=(before.st_atime_ns, before.st_mtime_ns))


def a_profile_is_applied(case: Case) -> None:
    """The slide, of which only the profile is new, and the option."""
    write_slide(case.slides[0], None, icc=profiles.rgb(profiles.DISPLAY_P3))
    case.config.icc = "apply"


def another_folder(case: Case) -> None:
    case.slides[0] = write_slide(case.folder / "new" / "b.tif", None)


def another_picture(case: Case) -> None:
    Image.fromarray(np.zeros((80, 100, 3), np.uint8)).save(case.folder / "out" / "images" / "a_R01_1.png")


CHANGES: dict[str, Callable[[Case], object]] = {
    "the region was moved": lambda case: mark(case.folder, "a", SQUARES[1:2]),
    "mpp was corrected": lambda case: write_table(case.folder, "a,P1,poor,0.4,F\nb,P2,well,0.5,M\n"),
    "patient and grade were corrected": lambda case: write_table(
        case.folder, "a,P3,moderate,0.5,M\nb,P2,well,0.5,F\n"
    ),
    "a colour profile is applied": a_profile_is_applied,
    "another width and fewer columns": other_options(width=90, columns=1, min_focus=1000.0),
    "an image was altered": another_picture,
    "an image is gone": lambda case: (case.folder / "out" / "images" / "a_R01_1.png").unlink(),
    "another slide": lambda case: case.slides.__setitem__(0, case.folder / "b.tif"),
    "the slide was replaced": another_slide,
    "a slide of that name in another folder": another_folder,
}


@pytest.mark.slow
def test_a_second_start_gives_what_a_fresh_folder_gives(case: Case) -> None:
    """Each change follows on the ones before it."""
    case.slides.pop()
    before = case.start("out")
    for number, (change, make) in enumerate(CHANGES.items()):
        make(case)
        after = case.start("out")
        assert after == case.start(f"fresh{number}"), change
        assert ("an image" in change) == (after == before), change
        before = after


def test_regions_of_two_grades_that_overlap_are_named_and_cut(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    case.slides.pop()
    write_table(case.folder, "a,P1,,0.5,F\n")
    regions = [Region("R01", "poor", SQUARES[0], "edge"), Region("R02", "well", SQUARES[0].buffer(-20))]
    marked = case.folder / "marked" / "a.geojson"
    write_regions(regions, marked)
    both = case.start("both")
    (told,) = [line for line in caplog.messages if "overlap" in line]
    assert told.startswith(f"{marked}: 2 regions overlap regions of another grade")
    assert "R01 'edge' (poor), R02 (well)" in told
    caplog.clear()
    write_regions(regions[:1], marked)
    alone = case.start("alone")
    assert "overlap" not in caplog.text
    assert alone["images/a_R01_1.png"] == both["images/a_R01_1.png"]


def test_copies_of_a_slide_under_two_patients_are_told(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    a, b = case.slides
    case.start("out")
    assert f"copies of one slide, of several patients: {a} (patient P1), {b} (patient P2)" in caplog.text
    caplog.clear()
    write_table(case.folder, "a,P1,poor,0.5,F\nb,P1,poor,0.5,M\n")
    case.start("out")
    write_table(case.folder, "a,P1,poor,0.5,F\nb,P2,well,0.5,M\n")
    another_slide(case)
    case.start("out")
    assert "copies of one slide" not in caplog.text


def test_a_changed_class_name_or_option_gives_what_a_fresh_folder_gives(case: Case) -> None:
    case.slides.pop()
    before = case.start("out")
    changes = (
        ("Tumor: poor", "", {"region_class": "last"}),
        ("Tumor: poor", "007", {"region_class": "last"}),
        ("Tumor: poor", "007", {"region_class": "{else: table}"}),
        ("Well", "007", {"grade_conflict": "region"}),
    )
    for number, (kind, label, values) in enumerate(changes):
        region = Region("R01", kind, SQUARES[0], label)
        write_regions([region], case.folder / "marked" / "a.geojson")
        other_options(**values)(case)
        after = case.start("out")
        assert after == case.start(f"fresh{number}")
        assert {name for name in after if after[name] != before[name]} >= {"manifest.csv", "images.csv"}
        assert after["images/a_R01_1.png"] == before["images/a_R01_1.png"]
        before = after
    manifest = pd.read_csv(case.folder / "out" / "manifest.csv", dtype=str)
    assert manifest[["grade", "region_class", "region_name", "grade_from"]].to_numpy().tolist() == [
        ["well", "Well", "007", "region"]
    ] * len(manifest)


def test_what_no_start_makes_any_more_is_set_aside_and_told(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    first = case.start("out")
    case.slides.pop()
    case.config.exclude = str(case.folder / "leave.txt")
    (case.folder / "leave.txt").write_text("a_R01_1.png\n")
    assert sorted(case.start("out")) == sorted(name for name in first if "b" not in Path(name).stem[:1])
    aside = case.folder / "out" / "earlier_start_1"
    assert (aside / "images" / "b_R01_2.png").read_bytes() == first["images/b_R01_2.png"]
    assert f"3 images and contact sheets of an earlier start are now in {aside}" in caplog.text


def test_an_image_that_was_to_be_left_out_and_is_not_there_is_refused(case: Case) -> None:
    case.start("out")
    case.slides.pop()
    case.config.exclude = str(case.folder / "leave.txt")
    (case.folder / "leave.txt").write_text("a_R01_1.png\nb_R01_1.png\n")
    with pytest.raises(
        UserError, match=r"leave\.txt: 1 row fits no image.*\n  line 2: b_R01_1\.png is no image"
    ):
        case.start("out")
    assert not (case.folder / "out" / "manifest.csv").exists()


def test_a_start_that_fails_leaves_no_manifest_of_an_earlier_one(case: Case) -> None:
    case.start("out")
    shutil.rmtree(case.folder / "marked")
    table = read_table(case.folder / "table.csv", case.slides, case.config)
    assert len(cut(case.slides, table, case.config, case.folder / "out")) == 2
    assert not (case.folder / "out" / "manifest.csv").exists()
    assert not list((case.folder / "out" / "images").iterdir())


def test_patients_and_columns_that_look_like_numbers_stay_text(case: Case) -> None:
    write_table(case.folder, "a,007,poor,0.50,1.0\nb,1e3,well,0.5,NA\n")
    for _ in range(2):
        case.start("out")
        manifest = pd.read_csv(case.folder / "out" / "manifest.csv", dtype=str, keep_default_na=False)
        assert manifest["patient"].drop_duplicates().tolist() == ["007", "1e3"]
        assert manifest["sex"].drop_duplicates().tolist() == ["1.0", "NA"]


def test_classes_of_regions_have_their_grades_too(case: Case) -> None:
    kinds = [Region("R01", "G1", SQUARES[0]), Region("R02", "Necrosis", SQUARES[1])]
    write_regions(kinds, case.folder / "marked" / "a.geojson")
    case.config.grades, case.config.grade_conflict = {"G1": "moderate", "Necrosis": None}, "region"
    case.start("out")
    manifest = pd.read_csv(case.folder / "out" / "manifest.csv")
    assert set(manifest.loc[manifest["slide"] == "a", "grade"]) == {"moderate"}
    assert not manifest["image"].str.contains("a_R02").any()
