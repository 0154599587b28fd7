"""A map over the picture that it explains."""

import numpy as np

from livergrade.reports.overlay import overlay


def test_an_overlay_is_red_where_the_map_speaks_for_the_grade() -> None:
    view = np.full((8, 8, 3), 128, np.uint8)
    shown = overlay(view, np.array([[1, -1], [0, 0]], np.float32), 1.0).astype(int)
    assert shown[0, 0, 0] > shown[0, 0, 2] + 50
    assert shown[0, 7, 2] > shown[0, 7, 0] + 50
