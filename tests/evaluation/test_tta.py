"""Effect of test-time augmentation, against the same computed from the table directly."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, log_loss

from livergrade.evaluation.tta import even_counts, tta_estimates
from tests.evaluation.simulated import CLASSES, jackknife_of, predict


def graded(count: int, *, patients: int = 12) -> pd.DataFrame:
    angles = tuple(360 / count * np.arange(count))
    return predict([i % 3 for i in range(patients)], angles=angles, images=2, strength=0.8)


@pytest.mark.parametrize(
    ("graded_at", "counts"),
    [(1, [1]), (3, [1, 3]), (4, [1, 2, 4]), (12, [1, 2, 4, 12]), (36, [1, 2, 4, 12, 36])],
)
def test_the_counts_whose_angles_are_there(graded_at, counts):
    found = even_counts(graded(graded_at, patients=3))
    assert list(found) == counts
    for count, angles in found.items():
        np.testing.assert_allclose(np.diff([*sorted(angles), 360]), 360 / count)


def test_an_angle_that_an_image_lacks_is_not_counted():
    views = graded(4, patients=3)
    lacking = views.drop(index=views.index[views["angle"] == 270.0][0])
    assert list(even_counts(lacking)) == [1, 2]
    own = views[views["angle"] == 0].assign(angle=range(6))
    assert even_counts(own) == {}
    assert tta_estimates(own, jackknife_of(3), "") == []


def test_figures_are_those_of_the_views_alone():
    views = graded(12)
    grades = np.array([i % 3 for i in range(12)])
    rows = tta_estimates(views, jackknife_of(12), "")
    assert [row["views"] for row in rows] == [1, 2, 4, 12]
    columns = [f"p_{name}" for name in CLASSES]
    for row in rows:
        shown = views[views["angle"] % (360 / row["views"]) == 0]
        images = shown.groupby(["patient", "image"])[columns].mean()
        scores = images.groupby("patient").mean().to_numpy()
        called = scores.argmax(1)
        assert row["accuracy"]["value"] == pytest.approx(accuracy_score(grades, called))
        kappa = cohen_kappa_score(grades, called, weights="quadratic")
        assert row["quadratic_kappa"]["value"] == pytest.approx(kappa)
        assert row["log_loss"]["value"] == pytest.approx(log_loss(grades, scores))
        assert row["accuracy"]["method"] == "Wilson, patients"
        if row["difference"]:
            gain = row["log_loss"]["value"] - rows[0]["log_loss"]["value"]
            assert row["difference"]["log_loss"]["value"] == pytest.approx(gain)
            accuracy = row["difference"]["accuracy"]
            assert accuracy["low"] is None
            assert "differ in" in accuracy["reason"]
            assert "no interval is reliable" in row["difference"]["log_loss"]["reason"]
    assert rows[0]["difference"] is None


def test_views_that_agree_claim_no_certainty():
    one = graded(1)
    views = pd.concat([one, one.assign(angle=180.0)])
    row = tta_estimates(views, jackknife_of(12), "")[1]
    assert row["difference"]["log_loss"]["value"] == 0
    accuracy = row["difference"]["accuracy"]
    assert accuracy["value"] == 0
    assert accuracy["low"] is None
    assert accuracy["reason"].startswith(
        "the two models differ in 0 test patients: a reliable interval needs 6"
    )
