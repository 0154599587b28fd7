"""Regions proposed where a slide's tissue has most nuclei."""

from pathlib import Path

import numpy as np
import shapely

from livergrade.config.schema import PrepareConfig
from livergrade.io.slide_reader import Slide
from livergrade.slides.propose import STAINS, find_regions, haematoxylin
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
