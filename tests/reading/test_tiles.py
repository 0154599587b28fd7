"""Tiles of slides."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("openslide")

from livergrade.io.kept import file_sha256
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.slide_files import files_of, slide_sha256
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.reading.store import RefusedError
from livergrade.reading.tiles import OVERLAP, TILE, Tiles
from tests.conftest import write_dicom, write_slide


@pytest.fixture
def tiles(tmp_path: Path) -> Tiles:
    slide = write_slide(tmp_path / "a.tif", grain=15)
    cells = {"image": "a.tif", "sha256": file_sha256(slide), "mpp": "0.5"}
    return Tiles(tmp_path, [cells, cells | {"image": "none.tif"}], PixelReading())


def test_tiles_are_those_of_openslide(tiles: Tiles, tmp_path: Path) -> None:
    from openslide import OpenSlide
    from openslide.deepzoom import DeepZoomGenerator

    with OpenSlide(tmp_path / "a.tif") as slide:
        peer = DeepZoomGenerator(slide, TILE, OVERLAP, limit_bounds=True)
        size = tiles.size(0)
        assert (size["width"], size["height"], size["maxLevel"]) == (1024, 768, peer.level_count - 1)
        for level, (columns, rows) in enumerate(peer.level_tiles):
            for column, row in ((0, 0), (columns - 1, rows - 1)):
                own = Image.open(io.BytesIO(tiles.tile(0, level, column, row)))
                theirs = peer.get_tile(level, (column, row))
                assert own.size == theirs.size
                apart = np.abs(np.asarray(own, float) - np.asarray(theirs.convert("RGB"), float))
                # At few pixels the filters differ; at full resolution JPEG alone does.
                assert level < 6 or apart.mean() < (3 if level == 10 else 6), (level, column, row)
            for column, row in ((columns, 0), (0, rows)):
                with pytest.raises(RefusedError, match="no such tile"):
                    tiles.tile(0, level, column, row)
    with pytest.raises(RefusedError, match="no such tile"):
        tiles.tile(0, 10**6, 0, 0)


def test_another_file_is_not_shown(tiles: Tiles, tmp_path: Path) -> None:
    assert tiles.tile(0, 0, 0, 0)[:2] == b"\xff\xd8"
    write_slide(tmp_path / "a.tif", grain=3)
    for ask in (lambda: tiles.tile(0, 0, 0, 0), lambda: tiles.size(0)):
        with pytest.raises(RefusedError, match="was changed since the review began"):
            ask()
    with pytest.raises(RefusedError, match="no longer there"):
        tiles.size(1)


def test_a_slide_of_several_files_is_not_shown_once_any_of_them_is_another(tmp_path: Path) -> None:
    opened = write_dicom(tmp_path / "a.dcm", "1.2")
    level = write_dicom(tmp_path / "b.dcm", "1.2", side=64, number=2)
    cells = {"image": "a.dcm", "sha256": slide_sha256(opened), "mpp": "0.5"}
    tiles = Tiles(tmp_path, [cells], PixelReading())
    assert tiles.tile(0, 0, 0, 0)[:2] == b"\xff\xd8"
    content = level.read_bytes()
    write_dicom(level, "1.2", side=64, number=3)
    with pytest.raises(RefusedError, match="a file of this slide was changed since the review began"):
        tiles.tile(0, 0, 0, 0)
    level.write_bytes(content)
    assert tiles.size(0)["width"] == 128


def test_the_files_of_a_slide_are_listed_again_only_if_a_file_or_its_folder_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = write_dicom(tmp_path / "a.dcm", "1.2")
    tiles = Tiles(
        tmp_path, [{"image": "a.dcm", "sha256": slide_sha256(opened), "mpp": "0.5"}], PixelReading()
    )
    listed = []
    monkeypatch.setattr(
        "livergrade.reading.tiles.files_of", lambda path: listed.append(path) or files_of(path)
    )
    for _ in range(3):
        tiles.tile(0, 0, 0, 0)
    assert listed == [opened]
    write_dicom(tmp_path / "b.dcm", "1.2", side=64, number=2)
    with pytest.raises(RefusedError, match="a file of this slide was changed since the review began"):
        tiles.tile(0, 0, 0, 0)


def test_a_slide_that_could_not_be_read_once_is_opened_anew(
    tiles: Tiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ask in (lambda: tiles.tile(0, 0, 0, 0), lambda: tiles.small(0)):
        failed = tiles._opened(0).slide
        read = Slide.read

        def once(self: Slide, *given: Any, failed: Slide = failed, read: Any = read) -> Any:
            if self is failed:  # as OpenSlide does after an error of the disk, for ever
                raise SlideError("can't be read")
            return read(self, *given)

        monkeypatch.setattr(Slide, "read", once)
        with pytest.raises(RefusedError, match="can't be read"):
            ask()
        assert ask()[:2] == b"\xff\xd8"
