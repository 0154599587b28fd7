"""Small pictures of the worst images."""

from pathlib import Path

from PIL import Image

from livergrade.reports.thumbnails import THUMBNAIL, write_thumbnails


def test_thumbnails_keep_their_place_where_one_is_gone(tmp_path: Path) -> None:
    Image.new("RGB", (1000, 800), "plum").save(tmp_path / "b.png")
    write_thumbnails(["a.png", "b.png"], tmp_path, tmp_path / "mistakes")
    assert [path.name for path in (tmp_path / "mistakes").iterdir()] == ["1.jpg"]
    with Image.open(tmp_path / "mistakes" / "1.jpg") as image:
        assert image.size == (round(THUMBNAIL * 1000 / 800), THUMBNAIL)
