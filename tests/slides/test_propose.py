"""Regions proposed where a slide's tissue has most nuclei."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from livergrade.config.schema import PrepareConfig
from livergrade.io.kept import Kept
from livergrade.io.slide_files import slide_identity
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.slides.propose import (
    STAINS,
    find_regions,
    haematoxylin,
    propose,
    refuse_regions_of_another,
)
from tests.conftest import write_slide


def test_haematoxylin_is_told_from_eosin() -> None:
    amounts = np.array([[0.8, 0.0], [0.4, 0.0], [0.0, 0.8], [0.4, 0.4], [0.0, 0.0]], np.float32)
    unit = STAINS / np.linalg.norm(STAINS, axis=1, keepdims=True)
    pixels = (255 * 10 ** -(amounts @ unit[:2])).round().astype(np.uint8)
    np.testing.assert_allclose(haematoxylin(pixels[None])[0], amounts[:, 0], atol=0.01)


def test_regions_do_not_overlap_and_end_with_the_tissue(tmp_path: Path) -> None:
    slide = Slide(write_slide(tmp_path / "s.tif", grain=15))
    config = PrepareConfig(width=100, height=80, columns=2, rows=2, mpp=0.5, proposals=3)
    regions = find_regions(slide, config)
    assert [region.name for region in regions] == ["R01", "R02", "R03"]
    assert shapely.union_all([one.outline for one in regions]).area == 3 * 200 * 160
    config.proposals = 1000
    assert 4 <= len(find_regions(slide, config)) < 60


@pytest.fixture
def case(tmp_path: Path) -> tuple[Path, PrepareConfig]:
    config = PrepareConfig(width=100, height=80, columns=2, rows=2, mpp=0.5, proposals=1)
    return write_slide(tmp_path / "s.tif", grain=15), config


def proposed(slide: Path, config: PrepareConfig) -> tuple[str, ...]:
    """Propose; returns the content of the slide's files."""
    out = slide.parent / "out"
    assert propose([slide], config, out) == []
    return tuple(hashlib.sha256((out / "regions" / f"s.{end}").read_bytes()).hexdigest() for end in ENDS)


ENDS = ("geojson", "png")


def edit(slide: Path) -> Path:
    """Move a corner, as a person does in QuPath."""
    target = slide.parent / "out" / "regions" / "s.geojson"
    moved = json.loads(target.read_text())
    moved["features"][0]["geometry"]["coordinates"][0][0][0] += 5
    target.write_text(json.dumps(moved))
    return target


def test_a_proposal_of_another_slide_or_of_other_options_is_made_again(
    case: tuple[Path, PrepareConfig],
) -> None:
    slide, config = case
    first = proposed(slide, config)
    made = (slide.parent / "out" / "regions" / "s.geojson").stat().st_mtime_ns
    assert proposed(slide, config) == first
    assert (slide.parent / "out" / "regions" / "s.geojson").stat().st_mtime_ns == made
    config.width = 120
    second = proposed(slide, config)
    assert second[0] != first[0]
    write_slide(slide, grain=3)
    assert proposed(slide, config)[1] != second[1]


def test_what_a_person_edited_is_kept_and_never_written_over(
    case: tuple[Path, PrepareConfig], caplog: pytest.LogCaptureFixture
) -> None:
    slide, config = case
    proposed(slide, config)
    target = edit(slide)
    edited = target.read_text()
    assert propose([slide], config, slide.parent / "out") == []
    config.width = 120
    write_slide(slide, grain=3)
    (told,) = propose([slide], config, slide.parent / "out")
    assert f"has regions in {target} that were edited" in told
    assert f"slide: {slide} was changed since" in told
    assert "width: 100 there, 120 now" in told
    assert target.read_text() == edited
    (slide.parent / "out" / "kept.json").unlink()
    assert propose([slide], config, slide.parent / "out") == []
    assert f"{target}: is not changed; it is not known what it was made from" in caplog.text
    assert target.read_text() == edited


def test_regions_are_those_of_the_slide_that_they_were_proposed_on(case: tuple[Path, PrepareConfig]) -> None:
    slide, config = case
    out = slide.parent / "out"
    proposed(slide, config)
    target = edit(slide)
    moved = slide.rename(slide.with_name("t.tif")).rename(slide)  # another change time, and the same pixels
    kept = Kept(out / "kept.json")
    refuse_regions_of_another(Slide(moved), kept, target, slide_identity(moved))
    write_slide(slide, grain=3)
    with pytest.raises(SlideError, match=rf"were proposed on \(slide: {slide} was changed since\)"):
        refuse_regions_of_another(Slide(slide), kept, target, slide_identity(slide))
    elsewhere = target.rename(out / "regions" / "exported.geojson")
    refuse_regions_of_another(Slide(slide), kept, elsewhere, slide_identity(slide))
