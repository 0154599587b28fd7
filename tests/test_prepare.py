"""``livergrade.prepare``, from slides to a cohort."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
import tifffile

from livergrade.config.schema import DataConfig, ReviewConfig
from livergrade.data.cohort import from_manifest
from livergrade.io.images import read_rgb
from livergrade.reading.begin import begin
from livergrade.reading.export_readings import export_readings
from livergrade.reading.store import Reading
from livergrade.slides.regions import Region, read_regions, write_regions
from tests.conftest import COLOURS, command, telling, write_slide

SMALL = ("width=100", "height=80", "mpp=0.5", "min_focus=0", "max_pen=1", "max_fold=1")
BOTH = ("grade_conflict=region",)  # of the table, poor, and of a region, well


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A folder with a slide, its table, and regions: two squares, and one half beside a square."""
    write_slide(tmp_path / "slides" / "case.tif", grain=15)
    (tmp_path / "table.csv").write_text("slide,patient,grade,sex\ncase.tif,P1,poor,F\n")
    squares = [shapely.box(x, y, x + side, y + side) for x, y, side in COLOURS]
    beside = shapely.box(320, 64, 640, 352)
    (tmp_path / "marked").mkdir()
    marked = [
        Region("R01", "", squares[0], "lobe"),
        Region("R02", "Well", squares[1]),
        Region("R03", "Ignore*", beside),
    ]
    write_regions(marked, tmp_path / "marked" / "case.geojson")
    return tmp_path


def prepare(case: Path, *words: str) -> Path:
    out = case / "out"
    command("prepare", str(case / "slides"), f"out={out}", *SMALL, *words, outputs=case)
    return out


def test_six_images_of_each_region_make_a_cohort(case: Path) -> None:
    out = prepare(case, f"regions={case / 'marked'}", f"table={case / 'table.csv'}", *BOTH)
    manifest = pd.read_csv(out / "manifest.csv", keep_default_na=False)
    of_region = ["region_class", "region_name", "grade_from"]
    assert manifest.columns.tolist() == ["image", "patient", "grade", "slide", "mpp", *of_region, "sex"]
    assert (manifest["mpp"] == 0.5).all()
    assert manifest["grade"].tolist() == ["poor"] * 6 + ["well"] * 6  # a region's class is the grade
    rows = manifest[of_region].drop_duplicates().to_numpy().tolist()
    assert rows == [["", "lobe", "table"], ["Well", "", "region"]]
    assert len(from_manifest(out / "manifest.csv", DataConfig().classes, mixed=True).table) == 12
    made = pd.read_csv(out / "images.csv").set_index("image")
    for number, (x, y, side) in enumerate(list(COLOURS)[:2], 1):
        own = made[made["region"] == f"R0{number}"]
        assert own["x"].tolist() == [x, x + (side - 100) / 2, x + side - 100] * 2
        assert own["y"].tolist() == [y] * 3 + [y + side - 80] * 3
    for name, row in made.iterrows():
        pixels = read_rgb(out / str(name)).astype(int)
        assert pixels.shape == (80, 100, 3)
        colour = next(
            colour
            for (x, y, side), colour in COLOURS.items()
            if x <= row["x"] < x + side and y <= row["y"] < y + side
        )
        assert np.abs(pixels - colour).max() <= 22  # its grain, and not one pixel of glass
    assert (out / "contact" / "case.png").is_file()
    assert "12 of 12 images" in (out / "report.html").read_text()


@pytest.mark.parametrize("reduced", telling([1, 2, 4], fast=(1,)))
def test_crops_of_a_region_with_a_hole_at_the_edge(case: Path, reduced: int) -> None:
    """At each level the pixels are the slide's; what lies over the hole is left out."""
    width, height = 960, 768  # of the region, from the slide's upper left corner to its lower edge
    hole = shapely.box(300, 0, 660, 400)
    outline = shapely.box(0, 0, width, height).difference(hole)
    write_regions([Region("R01", "", outline)], case / "marked" / "case.geojson")
    words = (f"mpp={0.5 * reduced}", f"width={320 // reduced}", f"height={384 // reduced}", "min_tissue=0")
    words = (*words, f"regions={case / 'marked'}", f"table={case / 'table.csv'}")
    out = prepare(case, *words)
    made = pd.read_csv(out / "images.csv").set_index("image")
    assert made[["x", "y"]].to_numpy().tolist() == [[x, y] for y in (0, 384) for x in (0, 320, 640)]
    slide = tifffile.imread(case / "slides" / "case.tif", level=reduced // 2)
    for name, row in made.iterrows():
        x, y = int(row["x"]) // reduced, int(row["y"]) // reduced
        assert (read_rgb(out / str(name)) == slide[y : y + 384 // reduced, x : x + 320 // reduced]).all()
    (left_out,) = pd.read_csv(out / "rejected.csv").itertuples()
    assert (left_out.image, left_out.rejected) == (
        "images/case_R01_2.png",
        "0% of it is in the region, at least 50%",
    )


@pytest.mark.slow
def test_only_what_is_missing_is_made_again(case: Path) -> None:
    words = (f"regions={case / 'marked'}", f"table={case / 'table.csv'}", *BOTH)
    out = prepare(case, *words)
    first = sorted((out / "images").iterdir())
    before = {path: path.stat().st_mtime_ns for path in first}
    first[3].unlink()
    (case / "leave.txt").write_text(f"# seen by a second reader\n{first[0].name}\n")
    prepare(case, *words, f"exclude={case / 'leave.txt'}")
    after = {path: path.stat().st_mtime_ns for path in sorted((out / "images").iterdir())}
    assert {path for path in first if after[path] != before[path]} == {first[3]}
    assert len(pd.read_csv(out / "manifest.csv")) == 11
    assert pd.read_csv(out / "rejected.csv")["rejected"].tolist() == ["excluded by hand"]


def test_what_a_review_excluded_is_absent_from_the_next_manifest(case: Path, tmp_path: Path) -> None:
    words = (f"regions={case / 'marked'}", f"table={case / 'table.csv'}", *BOTH)
    out = prepare(case, *words)
    config = ReviewConfig(manifest=str(out), readers=["anna"], mode="confirm")
    config.data = DataConfig(name="manifest", manifest=str(out))
    (tmp_path / "review").mkdir()
    store = begin(config, tmp_path / "review")
    for place in range(12):
        why = "artefact" if place < 3 else None
        store.add("anna", Reading(f"{place:032x}", place, None, why, None, 1.0, ""))
    export_readings(store, tmp_path / "review")
    gone = {store.images[at]["image"] for at in store.tasks("anna")[:3]}
    store.close()
    cohort = from_manifest(tmp_path / "review" / "manifest.csv", DataConfig().classes, root=out, mixed=True)
    assert len(cohort.table) == 9
    assert not gone & set(cohort.table["image"])
    prepare(case, *words, f"exclude={tmp_path / 'review' / 'exclusions.csv'}")
    assert set(pd.read_csv(out / "manifest.csv")["image"]) == set(cohort.table["image"])
    rejected = pd.read_csv(out / "rejected.csv").set_index("image")["rejected"]
    assert rejected.to_dict() == dict.fromkeys(gone, "excluded by hand: artefact")
    assert "Excluded by hand: 3 artefact." in (out / "report.html").read_text()


def test_a_proposal_lies_on_the_bluest_tissue(case: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = prepare(case, "columns=2", "rows=2")
    (region,) = read_regions(out / "regions" / "case.geojson").regions
    assert (region.name, region.kind, region.label) == ("R01", "proposed", "R01")
    x, y, side = list(COLOURS)[1]
    assert shapely.box(x - 3, y - 3, x + side + 3, y + side + 3).contains(region.outline)
    assert (region.outline.bounds[2] - region.outline.bounds[0]) == pytest.approx(200)
    moved = json.loads((out / "regions" / "case.geojson").read_text())
    moved["features"][0]["geometry"]["coordinates"][0][0][0] += 5
    (out / "regions" / "case.geojson").write_text(json.dumps(moved))
    prepare(case, "columns=2", "rows=2")
    assert json.loads((out / "regions" / "case.geojson").read_text()) == moved  # what a person did is kept
    write_slide(case / "slides" / "case.tif", grain=3)
    with pytest.raises(SystemExit):
        prepare(case, "columns=2", "rows=2", f"regions={out / 'regions'}", f"table={case / 'table.csv'}")
    assert "has no regions" not in (told := capfd.readouterr().err)
    assert "is not what the regions in" in told


def test_a_region_as_small_as_its_images_gives_none_of_them_twice(case: Path) -> None:
    x, y, _ = next(iter(COLOURS))
    small = Region("R01", "", shapely.box(x, y, x + 150, y + 80))
    write_regions([small], case / "marked" / "case.geojson")
    out = prepare(case, f"regions={case / 'marked'}", f"table={case / 'table.csv'}")
    names = [f"images/case_R01_{number}.png" for number in range(1, 7)]
    assert pd.read_csv(out / "manifest.csv")["image"].tolist() == names[:3]
    rejected = pd.read_csv(out / "rejected.csv").set_index("image")["rejected"]
    again = [f"is {name} again: the region is no larger" for name in names[:3]]
    assert rejected.to_dict() == dict(zip(names[3:], again, strict=True))
    told = "overlap by more than half in 1 region (R01): a region should be 300 × 160 px for 3 × 2 images"
    assert told in (out / "prepare.log").read_text("utf-8")


def test_regions_are_proposed_at_the_pixel_size_of_the_table(case: Path) -> None:
    write_slide(case / "slides" / "case.tif", None, grain=15)
    for mpp, width in ((0.5, 200), (0.4, 250)):
        (case / "table.csv").write_text(f"slide,patient,grade,mpp\ncase.tif,P1,poor,{mpp}\n")
        out = prepare(case, "columns=2", "rows=2", f"table={case / 'table.csv'}")
        left, _, right, _ = read_regions(out / "regions" / "case.geojson").regions[0].outline.bounds
        assert right - left == pytest.approx(width)


def test_proposals_are_not_cut_at_another_pixel_size(case: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither where they were proposed, nor from another folder, nor after a person moved them."""
    regions = prepare(case) / "regions"
    words = (f"table={case / 'table.csv'}", "confirmed=true", f"out={case / 'cut'}")
    shutil.copytree(regions, case / "moved")
    content = json.loads((case / "moved" / "case.geojson").read_text())
    content["features"][0]["geometry"]["coordinates"][0][0][0] += 5
    (case / "moved" / "case.geojson").write_text(json.dumps(content))
    for folder in (regions, case / "moved"):
        with pytest.raises(SystemExit):
            prepare(case, f"regions={folder}", *words, "mpp=1")
        told = capfd.readouterr().err
        assert "R01 proposed for images of 0.5 µm per pixel, and mpp is 1: type mpp=0.5" in told
        assert "Traceback" not in told
        assert not (case / "cut" / "manifest.csv").exists()
    prepare(case, f"regions={case / 'moved'}", *words)
    assert (case / "cut" / "manifest.csv").is_file()


@pytest.mark.parametrize(
    ("table", "told"),
    telling(
        [
            ("slide,patient\ncase,P1\n", "no column grade"),
            ("slide,patient,grade\ncase,,bad\nother,P2,poor\n", "row 2: no patient"),
            ("slide,patient,grade\nother,P2,poor\n", "case.tif: in no row"),
            ("slide,patient,grade\ncase,P1,poor\ncase,P1,poor\n", "in more than one row"),
            (
                "slide,patient,grade,image\ncase,P1,poor,old.png\n",
                "columns image: the manifest or a run writes",
            ),
            (
                "slide,patient,grade,region_class\ncase,P1,poor,x\n",
                "columns region_class: the manifest or a run",
            ),
            ("slide,patient,grade,mpp\ncase,P1,poor,0.5um\n", "row 2: mpp '0.5um' is not a number"),
        ],
        fast=(0, 1, 4),
    ),
)
def test_a_wrong_table_is_told(case: Path, table: str, told: str, capfd) -> None:
    (case / "table.csv").write_text(table)
    with pytest.raises(SystemExit):
        prepare(case, f"regions={case / 'marked'}", f"table={case / 'table.csv'}")
    shown = capfd.readouterr().err
    assert told in shown
    assert "Traceback" not in shown
    assert not (case / "out" / "images").exists()  # told before a slide is cut


def test_classes_are_graded_as_the_options_say(case: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kinds = ("Tumor: well", "Größe (x)", "", "Stroma")
    squares = [shapely.box(x, y, x + side, y + side) for x, y, side in COLOURS]
    regions = [
        Region(f"R{n}", kind, square) for n, (kind, square) in enumerate(zip(kinds, squares, strict=True))
    ]
    write_regions(regions, case / "marked" / "case.geojson")
    cells = json.loads((case / "marked" / "case.geojson").read_text())
    cells["features"].append({"geometry": None, "properties": {"objectType": "cell"}})
    (case / "marked" / "case.geojson").write_text(json.dumps(cells))
    (case / "table.csv").write_text("slide,patient,grade\ncase,P1,well\n")
    words = (f"regions={case / 'marked'}", f"table={case / 'table.csv'}", "rows=1", "columns=1")
    with pytest.raises(SystemExit):
        prepare(case, *words)
    told = capfd.readouterr().err
    assert "class 'Größe (x)' is not a grade (1 region: R02)" in told
    assert "class 'Tumor: well' is not a grade" in told
    out = prepare(case, *words, "region_class={Größe (x): skip, 'Tumor: well': last, else: table}")
    manifest = pd.read_csv(out / "manifest.csv", keep_default_na=False)
    assert manifest["image"].tolist() == [f"images/case_R0{n}_1.png" for n in (1, 3, 4)]
    assert manifest["grade_from"].tolist() == ["region_class", "table", "table"]
    page = (out / "report.html").read_text()
    assert '<th scope="row">Größe (x)</th><td>1</td><td>not cut</td>' in page
    assert "1 of class Tumor: well (well, from region_class)" in page
    assert "Not regions: 1 cell." in page


def test_a_slide_without_regions_stops_no_other(case: Path, capfd) -> None:
    write_slide(case / "slides" / "second.tif", grain=15)
    with (case / "table.csv").open("a") as file:
        file.write("second,P2,well,M\n")
    with pytest.raises(SystemExit):
        prepare(case, f"regions={case / 'marked'}", f"table={case / 'table.csv'}", *BOTH)
    assert "1 of 2 slides failed" in capfd.readouterr().err
    assert len(pd.read_csv(case / "out" / "manifest.csv")) == 12


def test_where_no_region_was_proposed_none_is_to_be_looked_at(case: Path, capfd) -> None:
    (case / "slides" / "half.mrxs").write_bytes(b"x")
    for left, hint in ((2, True), (1, False)):
        with pytest.raises(SystemExit):
            prepare(case)
        told = capfd.readouterr()
        assert f"1 of {left} slide{'s' * (left > 1)} failed" in told.err
        assert ("look at the pictures" in told.out) == hint
        (case / "slides" / "case.tif").unlink(missing_ok=True)
