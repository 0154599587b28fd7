"""The canvas that tissue is drawn on."""

import math

import numpy as np
import pytest

from livergrade.data.synthetic.canvas import Canvas

CANVAS = Canvas((400.0, 500.0), (400, 500), 1.0, (3, 1))


@pytest.mark.parametrize("options", [{}, {"stretch": 2.0, "angle_rad": 0.7}, {"banded": True}])
def test_noise_is_of_mean_0_and_variance_1(options: dict) -> None:
    noise = CANVAS.noise("grain", 6.0, **options)
    assert noise.shape == CANVAS.shape
    assert abs(noise.mean()) < 0.1
    assert 0.6 < noise.var() < 1.4


def test_noise_finer_than_a_pixel_is_averaged_out() -> None:
    assert not CANVAS.noise("grain", 1.0).any()


def test_no_part_depends_on_whether_another_was_drawn() -> None:
    alone = Canvas(CANVAS.size_um, CANVAS.shape, CANVAS.um_per_px, CANVAS.seed).noise("one", 8.0)
    CANVAS.noise("other", 8.0)
    np.testing.assert_array_equal(CANVAS.noise("one", 8.0), alone)
    assert np.abs(CANVAS.noise("two", 8.0) - alone).max() > 1


def test_sites_lie_on_the_canvas_at_their_spacing() -> None:
    xy = CANVAS.sites("cells", 20.0, 0.0)
    assert (xy > 0).all()
    assert (xy < (500, 400)).all()
    assert len(xy) == pytest.approx(400 * 500 / (20**2 * math.sqrt(3) / 2), rel=0.1)
    apart = np.linalg.norm(xy[:, None] - xy, axis=2) + 1e9 * np.eye(len(xy))
    assert apart.min() == pytest.approx(20, rel=1e-3)
    finer = Canvas(CANVAS.size_um, (800, 1000), 0.5, CANVAS.seed)
    np.testing.assert_array_equal(finer.sites("cells", 20.0, 0.3), CANVAS.sites("cells", 20.0, 0.3))


def test_every_pixel_belongs_to_its_nearest_site() -> None:
    xy = np.array([[100.5, 200.5], [300.5, 200.5]], np.float32)
    index, distance = CANVAS.territories(xy)
    assert set(index[:, :200].ravel()) == {0}
    assert set(index[:, 202:].ravel()) == {1}
    assert distance[200, 150] == pytest.approx(50, rel=0.02)


def test_a_blob_covers_its_area_and_one_of_radius_0_nothing() -> None:
    xy = np.array([[100.0, 100.0], [300.0, 300.0]], np.float32)
    cover = CANVAS.blobs("nuclei", xy, np.array([20.0, 0.0], np.float32), 0.0)
    assert cover.sum() == pytest.approx(math.pi * 20**2, rel=0.1)
    assert not cover[250:, 250:].any()
