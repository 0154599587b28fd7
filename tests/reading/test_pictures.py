"""Images as a browser shows them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.io.kept import file_sha256
from livergrade.io.pixel_reading import AS_FILED
from livergrade.reading.pictures import picture
from livergrade.reading.store import RefusedError
from tests.conftest import draw_image


def test_pixels_are_those_that_a_network_sees_and_nothing_else_of_the_file_is_sent(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 24, 3), np.uint8)
    path = tmp_path / "a.tif"
    Image.fromarray(pixels).save(path, description="Jane Doe")
    content, kind = picture(path, file_sha256(path), AS_FILED)
    assert kind == "image/png"
    assert (np.asarray(Image.open(io.BytesIO(content))) == pixels).all()
    assert b"Jane" not in content


def test_large_pictures_are_jpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livergrade.reading.pictures.LOSSLESS", 100)
    draw_image(tmp_path / "a.png", 0, 0)
    content, kind = picture(tmp_path / "a.png", file_sha256(tmp_path / "a.png"), AS_FILED)
    assert (kind, content[:3]) == ("image/jpeg", b"\xff\xd8\xff")


def test_a_file_that_is_gone_or_another_one_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with pytest.raises(RefusedError, match="no longer there"):
        picture(path, "", AS_FILED)
    draw_image(path, 0, 0)
    with pytest.raises(RefusedError, match="was changed"):
        picture(path, "0" * 64, AS_FILED)
    path.write_bytes(b"no image")
    with pytest.raises(RefusedError, match="can't be read") as told:
        picture(path, file_sha256(path), AS_FILED)
    assert str(tmp_path) not in str(told.value)
