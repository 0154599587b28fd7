"""How much tissue an image shows."""

from pathlib import Path

import pytest

from livergrade.io.field_of_view import field_of_view
from livergrade.io.images import ImageError
from tests.conftest import draw_image


def test_it_is_the_shorter_side_in_micrometres(tmp_path: Path) -> None:
    for name, size, mpp in (("a.png", (44, 40), 0.5), ("b.png", (80, 120), 0.25), ("c.png", (20, 20), 1.0)):
        draw_image(tmp_path / name, 0, 0, size)
        assert field_of_view(tmp_path / name, mpp) == 20.0


def test_what_is_no_image_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(ImageError, match="is not a readable"):
        field_of_view(tmp_path / "a.png", 0.5)
