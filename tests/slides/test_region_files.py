"""Which file holds the regions of a slide."""

import unicodedata
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.slide_reader import SlideError
from livergrade.slides.region_files import region_file


def found(folder: Path, slide: str = "a.svs") -> str:
    return region_file(folder, Path(slide), outside=False).name


@pytest.mark.parametrize(
    "name",
    ["a.geojson", "a.json", "a.geojson.gz", "a.json.gz", "a.GeoJSON", "a.svs.geojson", "a.svs.json.gz"],
)
def test_one_file_of_any_ending(tmp_path: Path, name: str) -> None:
    for other in (name, "b.geojson", "a.png", "a.xml", "._a.geojson", "a2.json"):
        (tmp_path / other).touch()
    assert found(tmp_path) == name


def test_an_accent_is_one_in_both_forms(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "é.geojson")
    (tmp_path / name).touch()
    assert found(tmp_path, "é.svs") == name


def test_several_files_are_refused_with_their_names(tmp_path: Path) -> None:
    for name in ("a.geojson", "a.geojson.gz", "a.svs.json"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"a\.svs: .* a\.geojson, a\.geojson\.gz, a\.svs\.json; leave one"):
        found(tmp_path)


def test_what_is_there_in_place_of_geojson_is_named(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match=r"has no regions \(.*a\.geojson is missing\)"):
        found(tmp_path)
    (tmp_path / "A.geojson").touch()
    with pytest.raises(SlideError, match=r"is missing; is it A\.geojson\?"):
        found(tmp_path)
    (tmp_path / "a.xml").write_text("<ASAP_Annotations/>")
    with pytest.raises(SlideError, match=r"a\.xml holds annotations of ASAP"):
        found(tmp_path)
    with pytest.raises(SlideError, match=r"has no regions \(regions=.*Not a directory"):
        found(tmp_path / "a.xml")


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "marked").mkdir()
    (tmp_path / "secret").touch()
    (tmp_path / "marked" / "a.geojson").symlink_to(tmp_path / "secret")
    with pytest.raises(SlideError, match="lies outside"):
        found(tmp_path / "marked")
