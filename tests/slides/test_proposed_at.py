"""Regions know the sizes of pixels that they were proposed at."""

import json
from pathlib import Path

import pytest

pytest.importorskip("openslide")

from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError
from livergrade.io.slide_reader import Slide
from livergrade.slides.propose import find_regions
from livergrade.slides.proposed_at import KEYS, ProposedAt, proposed_at, refuse_other_sizes
from livergrade.slides.regions import Region, read_regions, write_regions
from tests.conftest import write_slide

FILE = Path("a.geojson")


@pytest.fixture
def regions(tmp_path: Path) -> list[Region]:
    """Two regions, proposed at 0.4 µm on a slide of 0.5 µm, written and read again."""
    slide = Slide(write_slide(tmp_path / "s.tif", grain=15))
    config = PrepareConfig(width=100, height=80, columns=2, rows=2, mpp=0.4, proposals=2)
    write_regions(find_regions(slide, config), tmp_path / "s.geojson")
    return read_regions(tmp_path / "s.geojson").regions


def sizes(regions: list[Region]) -> dict[str, ProposedAt | None]:
    return {region.name: region.proposed_at for region in regions}


def test_the_file_of_a_region_says_the_sizes(regions: list[Region]) -> None:
    assert [region.proposed_at for region in regions] == [ProposedAt(0.4, 0.5)] * 2
    assert regions[0].notes == ()  # a size is no grade
    refuse_other_sizes(sizes(regions), 0.4, 0.5, FILE)
    refuse_other_sizes(sizes(regions), 0.4, 0.50001, FILE)


@pytest.mark.parametrize(
    ("mpp", "slide_mpp", "told"),
    [
        (0.8, 0.5, "R01, R02 proposed for images of 0.4 µm per pixel, and mpp is 0.8: type mpp=0.4"),
        (0.4, 0.25, "R01, R02 proposed on a slide of 0.5 µm per pixel, which now has 0.25: correct mpp"),
    ],
)
def test_another_size_is_refused_with_what_to_do(
    regions: list[Region], mpp: float, slide_mpp: float, told: str
) -> None:
    with pytest.raises(UserError) as caught:
        refuse_other_sizes(sizes(regions), mpp, slide_mpp, FILE)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    both = "mpp=0.4; R01, R02 proposed on a slide of 0.5"
    with pytest.raises(UserError, match=both):
        refuse_other_sizes(sizes(regions), 0.8, 0.25, FILE)


def test_what_a_person_drew_fits_any_size(regions: list[Region], tmp_path: Path) -> None:
    drawn = [Region(one.name, "poor", one.outline) for one in regions]
    write_regions(drawn, tmp_path / "drawn.geojson")
    found = read_regions(tmp_path / "drawn.geojson").regions
    assert [one.proposed_at for one in found] == [None, None]
    refuse_other_sizes(sizes(found), 3, 0.1, FILE)
    assert proposed_at({"metadata": {KEYS[0]: " ", "note": "x"}}) is None


@pytest.mark.parametrize("value", ["x", "1e9", [], {}, True, "0.4\n0.4"])
def test_a_size_that_is_none_is_told_with_its_feature(
    regions: list[Region], tmp_path: Path, value: object
) -> None:
    content = json.loads((tmp_path / "s.geojson").read_text())
    content["features"][1]["properties"]["metadata"][KEYS[0]] = value
    (tmp_path / "s.geojson").write_text(json.dumps(content))
    with pytest.raises(
        UserError, match=r"1 feature can't be read:\n  feature 2 'R02': metadata livergrade_mpp: mpp "
    ):
        read_regions(tmp_path / "s.geojson")


@pytest.mark.parametrize("lost", KEYS)
def test_a_region_that_lost_one_of_its_sizes_is_not_cut(
    regions: list[Region], tmp_path: Path, lost: str
) -> None:
    content = json.loads((tmp_path / "s.geojson").read_text())
    for feature in content["features"]:
        del feature["properties"]["metadata"][lost]
    (tmp_path / "s.geojson").write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"feature 2 'R02': metadata has no {lost}, .*; put it back"):
        read_regions(tmp_path / "s.geojson")
