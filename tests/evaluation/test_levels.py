"""How views become images and images patients."""

import numpy as np
import pandas as pd

from livergrade.evaluation.levels import aggregate, patient_grades
from tests.evaluation.simulated import level_of, predict


def test_an_image_counts_once_however_many_views_it_has():
    views = predict([0], images=2, angles=(0.0,))
    columns = ["p_poor", "p_moderate", "p_well"]
    views[columns] = [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]]
    extra = pd.concat([views.iloc[[0]].assign(angle=angle) for angle in (90.0, 180.0, 270.0)])
    levels = aggregate(pd.concat([views, extra]))
    np.testing.assert_allclose(levels["image"].scores, [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    np.testing.assert_allclose(levels["patient"].scores, [[0.5, 0.15, 0.35]])
    assert (len(levels["view"].truth), len(levels["image"].truth), len(levels["patient"].truth)) == (5, 2, 1)


def test_a_patients_grade_is_the_most_frequent_and_a_tie_goes_to_the_worse():
    patient = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    grade = np.array([2, 2, 0, 2, 1, 1, 1, 2, 2])
    assert patient_grades(patient, grade, 3).tolist() == [2, 1, 1]


def test_a_tie_of_probabilities_goes_to_the_worse_grade():
    assert level_of([0], [[0.2, 0.4, 0.4]], [0]).predicted.tolist() == [1]


def test_patients_have_the_fold_that_their_network_tested():
    views = predict([0, 1, 2, 0], images=2)
    assert aggregate(views)["patient"].fold is None
    fold = views["patient"].map({"00": "1", "01": "0", "02": "1", "03": "0"})
    for level in aggregate(views.assign(fold=fold)).values():
        assert level.fold.tolist() == [1, 0, 1, 0]
        assert [patients.tolist() for patients, _ in level.folds] == [[1, 3], [0, 2]]
        assert sum(len(part.truth) for _, part in level.folds) == len(level.truth)
