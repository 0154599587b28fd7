"""Squares read by threads while earlier ones are graded."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from livergrade.evaluation.ood import appearance
from livergrade.inference import readers
from livergrade.inference.readers import SlideTiles, read_ahead
from livergrade.io.images import ImageError
from livergrade.io.slide_reader import Slide
from tests.conftest import COLOURS, write_slide


def squares(number: int) -> np.ndarray:
    """Squares full of their number, of which every third can't be read."""
    if number % 3 == 2:
        raise ImageError(f"{number} is broken")
    return np.full((2, 2, 3), number, np.uint8)


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (4, 2), (100, 3)])
def test_batches_come_in_order_without_what_is_broken(batch_size: int, workers: int) -> None:
    batches = list(read_ahead(squares, 11, batch_size=batch_size, workers=workers, measure=False, pin=False))
    assert [len(batch.indices) + len(batch.errors) for batch in batches] == [
        min(batch_size, 11 - first) for first in range(0, 11, batch_size)
    ]
    read = [number for batch in batches for number in batch.indices]
    assert read == [number for number in range(11) if number % 3 != 2]
    assert [int(square[0, 0, 0]) for batch in batches for square in batch.pixels] == read
    told = {number: reason for batch in batches for number, reason in batch.errors.items()}
    assert told == {number: f"{number} is broken" for number in (2, 5, 8)}


def test_the_appearance_is_measured_where_images_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    measured_in = set()

    def measured(crops: np.ndarray) -> np.ndarray:
        measured_in.add(threading.get_ident())
        return appearance(crops)

    monkeypatch.setattr(readers, "appearance", measured)
    batches = list(read_ahead(squares, 11, batch_size=4, workers=2, measure=True, pin=False))
    for batch in batches:
        np.testing.assert_array_equal(batch.appearance, appearance(batch.pixels.numpy()))
    assert measured_in
    assert threading.get_ident() not in measured_in


def test_a_fault_of_ours_is_no_broken_image() -> None:
    with pytest.raises(ZeroDivisionError):
        list(
            read_ahead(
                lambda number: np.full((1, 1, 3), 1 // number),
                3,
                batch_size=1,
                workers=1,
                measure=False,
                pin=False,
            )
        )


def test_squares_of_a_slide(tmp_path: Path) -> None:
    slide = Slide(write_slide(tmp_path / "s.tif"))
    read = SlideTiles(slide, np.array([[x, y] for x, y, _ in COLOURS], float), 256, 32)
    for number, colour in enumerate(COLOURS.values()):
        assert np.abs(read(number)[2:-2, 2:-2].astype(int) - colour).max() <= 3


def test_who_stops_waits_for_no_batch_but_for_the_pictures_under_way() -> None:
    read: list[int] = []

    def slow(number: int) -> np.ndarray:
        read.append(number)
        time.sleep(0.02)
        return squares(0)

    batches = read_ahead(slow, 80, batch_size=20, workers=1, measure=False, pin=False)
    next(batches)
    batches.close()
    assert len(read) < 30
