"""The algorithm of Dawid and Skene against plain probabilities, and on readers of known confusion."""

import itertools
import math

import numpy as np
import pytest

from livergrade.reading.dawid_skene import PRIOR, dawid_skene

GRADES = np.array([[0, 0, 1], [1, 1, 1], [0, -1, 0], [1, 0, 1], [0, 0, 0]])


def test_the_probabilities_are_those_of_all_cases_added_up() -> None:
    found = dawid_skene(GRADES, 2)
    whole, grade = 0.0, np.zeros((5, 2))
    for truth in itertools.product(range(2), repeat=5):  # every possible truth of all images
        weight = math.prod(
            found.share[true]
            * math.prod(found.confusion[reader, true, said] for reader, said in enumerate(row) if said >= 0)
            for true, row in zip(truth, GRADES, strict=True)
        )
        whole += weight
        for image, true in enumerate(truth):
            grade[image, true] += weight
    assert found.likelihood == pytest.approx(math.log(whole), abs=1e-9)
    assert found.grade == pytest.approx(grade / whole, abs=1e-6)


def test_the_end_is_a_fixed_point_with_the_prior() -> None:
    found = dawid_skene(GRADES, 2)
    counts = np.full((3, 2, 2), PRIOR)
    for image, row in enumerate(GRADES):
        for reader, said in enumerate(row):
            if said >= 0:
                counts[reader, :, said] += found.grade[image]
    assert found.confusion == pytest.approx(counts / counts.sum(2, keepdims=True), abs=1e-6)
    assert np.array_equal(dawid_skene(GRADES, 2).grade, found.grade)


def test_readers_of_known_confusion_are_found_and_truth_is_better_than_by_majority() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 3000)
    near = np.array([[0.9, 0.08, 0.02], [0.05, 0.9, 0.05], [0.02, 0.08, 0.9]])
    low = np.array([[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.1, 0.6, 0.3]])  # two who read one grade too low
    said = np.stack(
        [(rng.random(3000)[:, None] > each.cumsum(1)[true][:, :2]).sum(1) for each in (near, near, low, low)],
        1,
    )
    found = dawid_skene(said, 3)
    assert found.confusion[0] == pytest.approx(near, abs=0.05)
    assert found.confusion[2] == pytest.approx(low, abs=0.05)
    majority = np.array([np.bincount(row, minlength=3).argmax() for row in said])
    assert (found.grade.argmax(1) == true).mean() > (majority == true).mean() + 0.1


CROWD_KIT = """
1 -1 1 -1 0.00000 1.00000 0.00000
2 2 0 2 0.00000 0.00000 1.00000
1 1 0 1 0.00000 1.00000 0.00000
0 0 0 1 1.00000 0.00000 0.00000
-1 1 0 1 0.39689 0.59332 0.00979
2 2 2 0 0.00000 0.00000 1.00000
0 0 -1 0 1.00000 0.00000 0.00000
1 1 -1 0 0.00000 1.00000 0.00000
1 1 0 2 0.00000 1.00000 0.00000
2 2 2 2 0.00000 0.00000 1.00000
2 2 1 1 0.00000 0.00000 1.00000
0 0 0 1 1.00000 0.00000 0.00000
0 0 -1 -1 1.00000 0.00000 0.00000
0 1 0 0 0.99804 0.00000 0.00196
2 2 0 2 0.00000 0.00000 1.00000
0 0 0 1 1.00000 0.00000 0.00000
2 1 2 1 0.00000 0.88436 0.11564
-1 2 2 2 0.00000 0.00000 1.00000
-1 1 0 1 0.39689 0.59332 0.00979
0 0 0 0 1.00000 0.00000 0.00000
0 0 0 0 1.00000 0.00000 0.00000
1 1 0 1 0.00000 1.00000 0.00000
2 2 1 2 0.00000 0.00000 1.00000
0 2 1 2 0.00000 0.00000 1.00000
2 0 0 -1 1.00000 0.00000 0.00000
1 -1 2 2 0.00000 1.00000 0.00000
2 1 -1 -1 0.12222 0.50540 0.37239
0 0 0 1 1.00000 0.00000 0.00000
0 1 0 0 0.99804 0.00000 0.00196
1 -1 2 1 0.00000 1.00000 0.00000
1 1 -1 0 0.00000 1.00000 0.00000
0 -1 0 2 0.87727 0.00000 0.12273
0 1 -1 -1 0.97068 0.00000 0.02932
0 0 0 2 1.00000 0.00000 0.00000
0 0 -1 -1 1.00000 0.00000 0.00000
0 1 0 0 0.99804 0.00000 0.00196
-1 0 1 -1 1.00000 0.00000 0.00000
0 1 0 0 0.99804 0.00000 0.00196
2 1 1 2 0.00897 0.12389 0.86714
2 2 0 2 0.00000 0.00000 1.00000
"""
"""What four readers said of 40 images (−1: not read), and the probability of each grade by crowd-kit 1.4.2:
``DawidSkene(n_iter=500, tol=-1.0).fit_predict_proba``, so many steps that nothing changes any more. The
readings were drawn once from four confusion matrices (numpy's ``default_rng(31)``)."""


def test_equal_to_what_crowd_kit_found() -> None:
    table = np.array([line.split() for line in CROWD_KIT.strip().splitlines()], float)
    said, theirs = table[:, :4].astype(np.int64), table[:, 4:]
    assert dawid_skene(said, 3, prior=1e-9).grade == pytest.approx(theirs, abs=1e-4)
    assert (dawid_skene(said, 3).grade.argmax(1) == theirs.argmax(1)).all()


def test_equal_to_crowd_kit() -> None:
    kit = pytest.importorskip("crowdkit.aggregation")
    import pandas as pd

    rng = np.random.default_rng(1)
    true = rng.integers(0, 3, 200)
    said = np.where(rng.random((200, 4)) < 0.75, true[:, None], rng.integers(0, 3, (200, 4)))
    rows = [(image, reader, said[image, reader]) for image in range(200) for reader in range(4)]
    table = pd.DataFrame(rows, columns=["task", "worker", "label"])
    theirs = kit.DawidSkene(n_iter=500, tol=-1.0).fit_predict_proba(table).sort_index()[[0, 1, 2]]
    assert dawid_skene(said, 3, prior=1e-9).grade == pytest.approx(theirs.to_numpy(), abs=1e-3)
