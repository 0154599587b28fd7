"""Maps of a slide's tiles, read back."""

from pathlib import Path

import numpy as np
import pytest

from livergrade.errors import UserError
from livergrade.slides.heatmap import write_maps
from livergrade.slides.tile_maps import read_maps

CORNERS = np.array([[0.0, 0.0], [8.0, 0.0]])
MAPS = {number: np.full((3, 2, 2), number, np.float32) for number in range(2)}


def test_maps_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a_why.npz"
    write_maps(MAPS, CORNERS, 8.0, 0.5, ["a", "b", "c"], path)
    read = read_maps(path)
    assert (read.classes, read.side, read.maps.shape) == (["a", "b", "c"], 4.0, (2, 3, 2, 2))
    assert read.x.tolist() == [2.0, 10.0]


WHOLE = {
    "maps": np.zeros((2, 3, 2, 2), np.float32),
    "x": np.zeros(2),
    "y": np.zeros(2),
    "side": np.array(4.0),
    "classes": np.array(["a", "b", "c"]),
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"maps": np.array([{}], object)}, "can't be read as maps"),
        ({"classes": np.array(["a", None], object)}, "can't be read as maps"),
        ({"maps": np.zeros((2, 3, 2), np.float32)}, "does not have a map of each grade"),
        ({"maps": np.zeros((2, 2, 2, 2), np.float32)}, "does not have a map of each grade"),
        ({"maps": np.zeros((2, 3, 2, 2), np.int64)}, "does not have a map of each grade"),
        ({"x": np.zeros(3)}, "does not have a map of each grade"),
        ({"side": np.array(0.0)}, "not finite"),
        ({"y": np.array([0.0, np.nan])}, "not finite"),
    ],
)
def test_other_archives_are_refused(tmp_path: Path, change: dict[str, np.ndarray], told: str) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **(WHOLE | change))
    with pytest.raises(UserError, match=told):
        read_maps(path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for content in (b"", b"PK\x03\x04" + bytes(50), b"\x80\x04\x95", b"\x93NUMPY\x01\x00"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.npz: "):
            read_maps(path)
    np.savez_compressed(path, x=np.zeros(2))
    with pytest.raises(UserError, match=r"a\.npz: "):
        read_maps(path)
