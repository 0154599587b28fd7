"""Check a split for leakage: test patients or test images that were also used for training."""

from __future__ import annotations

from typing import TypedDict

import pandas as pd

from livergrade.errors import UserError


class Leakage(TypedDict):
    """Overlap of the test images with training and validation, by patient and by image.

    Attributes:
        leaking: whether there is any overlap; null where the training images are unknown.
        test_images: number of test images.
        with_sibling: test images of a patient with another image in train or val.
        duplicates: test images whose file is in train or val byte for byte.
        sentence: the result in words.
    """

    leaking: bool | None
    test_images: int | None
    with_sibling: int | None
    duplicates: int | None
    sentence: str


def leakage(split: pd.DataFrame | None, test: pd.DataFrame | None = None) -> Leakage:
    """Count test images that share a patient, or the file itself, with training or validation.

    Args:
        split: ``image, patient, split`` and optionally ``sha256`` of every image, or None where unknown.
        test: Graded views; their images must be test images of ``split``.

    Returns:
        Counts of the affected test images, and a sentence.

    Raises:
        UserError: If a graded image is not a test image of this split.
    """
    if split is None:
        return {
            "leaking": None,
            "test_images": None,
            "with_sibling": None,
            "duplicates": None,
            "sentence": "The training images are unknown: leakage was not checked.",
        }
    held_out = split[split["split"] == "test"]
    train_val = split[split["split"].isin(["train", "val"])]
    scored = pd.Index([] if test is None else test["image"].unique())
    not_in_test = scored[~scored.isin(held_out["image"])]
    if len(not_in_test):
        raise UserError(
            f"predictions and split do not belong together: {len(not_in_test)} scored image(s), the first "
            f"{not_in_test[0]}, are not test images of the split. Give the split.csv of the same run."
        )
    with_seen_patient = held_out["patient"].isin(train_val["patient"])
    same_file = (
        held_out["sha256"].isin(train_val["sha256"])
        if "sha256" in split
        else pd.Series(False, held_out.index)
    )
    n, with_sibling, duplicates = len(held_out), int(with_seen_patient.sum()), int(same_file.sum())
    sentence = (
        f"{with_sibling} of {n} test images share a patient with training or validation"
        + (f", {duplicates} are there byte for byte" if duplicates else "")
        + ": these results do not hold for new patients."
        if with_sibling or duplicates
        else "No test patient has an image in training or validation."
    )
    return {
        "leaking": bool(with_sibling or duplicates),
        "test_images": n,
        "with_sibling": with_sibling,
        "duplicates": duplicates,
        "sentence": sentence,
    }


def warning(result: Leakage) -> str:
    """Warning shown on every plot and table of a leaking split; empty if `leakage` found no overlap."""
    return f"LEAKING: {result['sentence']}" if result["leaking"] else ""
