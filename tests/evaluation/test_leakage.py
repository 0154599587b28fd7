"""What is called a leak between the sides of a split."""

import pandas as pd

from livergrade.evaluation.leakage import leakage


def split_of(*rows):
    return pd.DataFrame(rows, columns=["image", "patient", "split", "sha256"])


def test_siblings_and_copies_in_training_or_validation_leak():
    split = split_of(
        ("a", "1", "train", "x"),
        ("b", "1", "test", "y"),
        ("c", "2", "val", "z"),
        ("d", "2", "test", "w"),
        ("e", "3", "test", "x"),
        ("f", "4", "test", "v"),
    )
    found = leakage(split)
    assert found["leaking"] is True
    assert (found["test_images"], found["with_sibling"], found["duplicates"]) == (4, 2, 1)
    assert found["sentence"].startswith(
        "2 of 4 test images share a patient with training or validation, 1 are"
    )


def test_a_patient_split_does_not_leak_and_an_unknown_one_is_not_called_clean():
    clean = split_of(("a", "1", "train", "x"), ("b", "2", "val", "y"), ("c", "3", "test", "z"))
    assert leakage(clean)["leaking"] is False
    assert leakage(clean.drop(columns="sha256"))["leaking"] is False
    assert leakage(None)["leaking"] is None
