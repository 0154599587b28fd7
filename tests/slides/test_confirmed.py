"""Regions that nobody has looked at are not cut."""

import json
import shutil
from pathlib import Path

import pytest

from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError
from livergrade.slides.confirmed import require_confirmed
from livergrade.slides.propose import propose
from tests.conftest import write_slide


@pytest.fixture
def proposed(tmp_path: Path) -> tuple[list[Path], PrepareConfig]:
    """Two slides, and options with the regions that were proposed on them."""
    config = PrepareConfig(width=100, height=80, columns=2, rows=2, mpp=0.5)
    slides = [write_slide(tmp_path / f"{name}.tif", grain=15) for name in "ab"]
    assert propose(slides, config, tmp_path / "out") == []
    config.regions = str(tmp_path / "out" / "regions")
    return slides, config


def edit(path: Path, kind: str) -> None:
    """Move a corner, and give the region a class, as a person does in QuPath."""
    content = json.loads(path.read_text())
    content["features"][0]["geometry"]["coordinates"][0][0][0] += 5
    content["features"][0]["properties"]["classification"]["name"] = kind
    path.write_text(json.dumps(content))


def test_proposals_need_a_person(proposed: tuple[list[Path], PrepareConfig]) -> None:
    slides, config = proposed
    with pytest.raises(
        UserError, match=r"regions of 2 of 2 slides .*\(a, b\); look at .*a\.png.*confirmed=true"
    ):
        require_confirmed(slides, config)
    edit(Path(config.regions or "") / "a.geojson", "proposed")  # moved where it was proposed
    with pytest.raises(UserError, match=r"regions of 1 of 2 slides .*\(b\); look at .*b\.png"):
        require_confirmed(slides, config)
    config.confirmed = True
    require_confirmed(slides, config)


def test_in_another_folder_the_class_tells(
    proposed: tuple[list[Path], PrepareConfig], tmp_path: Path
) -> None:
    slides, config = proposed
    (tmp_path / "marked").mkdir()
    for name in "ab":
        shutil.copy(tmp_path / "out" / "regions" / f"{name}.geojson", tmp_path / "marked")
    config.regions = str(tmp_path / "marked")
    with pytest.raises(UserError, match=r"2 of 2 slides .*; drag .*a\.geojson onto its slide"):
        require_confirmed(slides, config)
    for name in "ab":
        edit(tmp_path / "marked" / f"{name}.geojson", "poor")
    require_confirmed(slides, config)
    (tmp_path / "marked" / "a.geojson").unlink()  # cutting tells what is missing
    require_confirmed(slides, config)
