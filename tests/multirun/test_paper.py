"""The paper's tables, and what follows from them."""

import numpy as np
import pytest

from livergrade.evaluation.metrics import count_metrics
from livergrade.models.catalog import NAMES
from livergrade.multirun.paper import CLASSES, MISPRINTS, TABLE_1, TABLE_3, TABLE_5, TABLE_6, counts, feasible

MODELS = list(TABLE_5)


def test_the_models_are_ours() -> None:
    assert MODELS == list(TABLE_6) == list(NAMES)


@pytest.mark.parametrize("model", MODELS)
def test_our_metrics_print_the_papers_tables_but_for_the_misprints(model: str) -> None:
    known = {misprint.where: misprint for misprint in MISPRINTS}
    for matrix in feasible(model):
        found = count_metrics(matrix)
        assert f"{100 * found['accuracy']:.2f}" == f"{TABLE_5[model]['total']:.2f}"
        for k, grade in enumerate(CLASSES):
            assert f"{100 * found['recall'][k]:.2f}" == f"{TABLE_5[model][grade]:.2f}"
            for metric in ("precision", "recall", "f1"):
                ours, printed = f"{100 * found[metric][k]:.2f}", f"{TABLE_6[model][grade][metric]:.2f}"
                misprint = known.get(f"Table 6, {NAMES[model]}, {grade}, {metric}")
                assert ours == (f"{misprint.implied:.2f}" if misprint else printed)
                assert not misprint or printed == f"{misprint.printed:.2f}" != ours


@pytest.mark.parametrize(
    ("model", "matrices", "kappa", "error", "two_grade"),
    [
        ("vgg16", 121, 0.6550, 0.2950, 202),
        ("resnet50", 37, 0.9268, 0.0693, 36),
        ("cbam", 17, 0.8978, 0.0779, 79),
        ("senet", 17, 0.9321, 0.0600, 40),
        ("sknet", 27, 0.9335, 0.0600, 36),
    ],
)
def test_ordinal_figures_are_exact_though_a_cell_is_free(
    model: str, matrices: int, kappa: float, error: float, two_grade: int
) -> None:
    family = feasible(model)
    found = count_metrics(family)
    assert len(family) == matrices
    assert len(np.unique(family[:, 0, 1])) == matrices
    for name in ("quadratic_kappa", "mean_absolute_error", "two_grade_error_rate", "macro_f1"):
        assert np.ptp(found[name]) < 1e-12
    assert round(found["quadratic_kappa"][0], 4) == kappa
    assert round(found["mean_absolute_error"][0], 4) == error
    assert round(found["two_grade_error_rate"][0] * 3132) == two_grade


def test_ranking_by_kappa_is_another_than_by_accuracy() -> None:
    def by(metric: str) -> list[str]:
        return sorted(MODELS, key=lambda model: -count_metrics(feasible(model)[0])[metric])

    assert by("accuracy") == ["senet", "sknet", "cbam", "resnet50", "vgg16"]
    assert by("quadratic_kappa") == ["sknet", "senet", "resnet50", "cbam", "vgg16"]


def test_no_split_by_patient_gives_these_sides() -> None:
    assert sum(side["images"] for side in TABLE_3.values()) == 444
    for side in TABLE_3.values():
        assert side["views"] == 36 * side["images"] == side["train"] + side["test"]
        assert side["test"] // 36 == side["images"] // 5  # a fifth of the images, rounded down ...
    assert [side["test"] // 36 % 6 for side in TABLE_3.values()] != [0, 0, 0]  # ... not whole patients of six


def test_patients_listed_and_told_differ() -> None:
    listed = {grade: sum(row.values()) for grade, row in TABLE_1.items()}
    assert listed == {"poor": 24, "moderate": 28, "well": 20}
    assert sum(listed.values()) == 72  # patients
    assert (
        sum(side["images"] for side in TABLE_3.values()) / 6 == 74
    )  # samples, of which a patient may give two
    assert not [found for found in MISPRINTS if "Table 1" in found.where]


def test_counts_are_whole_views() -> None:
    right, called = counts("senet")
    assert right.tolist() == [992, 1100, 892]
    assert called.sum() == 3132
