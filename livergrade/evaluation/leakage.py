"""Whether a split tests patients or images that training has seen."""

from __future__ import annotations

from typing import TypedDict

import pandas as pd

from livergrade.errors import UserError


class Leakage(TypedDict):
    """Whether the test images are of patients, or are images, that training or validation has seen.

    Attributes:
        leaking: null where the training images are unknown.
        test_images: number of them.
        with_sibling: test images of a patient who has another image in train or val.
        duplicates: test images whose very bytes are in train or val.
        sentence: the same in words.
    """

    leaking: bool | None
    test_images: int | None
    with_sibling: int | None
    duplicates: int | None
    sentence: str


def leakage(split: pd.DataFrame | None, test: pd.DataFrame | None = None) -> Leakage:
    """Whether the test images are of patients (or are images) that training or validation has seen.

    Args:
        split: ``image, patient, split`` and optionally ``sha256`` of every image, or None where unknown.
        test: Scored views; their images must be test images of ``split``.

    Returns:
        Counts of the test images concerned, and a sentence.

    Raises:
        UserError: If a scored image is not a test image of this split.
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
    seen = split[split["split"].isin(["train", "val"])]
    scored = pd.Index([] if test is None else test["image"].unique())
    foreign = scored[~scored.isin(held_out["image"])]
    if len(foreign):
        raise UserError(
            f"predictions and split do not belong together: {len(foreign)} scored image(s), the first "
            f"{foreign[0]}, are not test images of the split. Give the split.csv of the same run."
        )
    siblings = held_out["patient"].isin(seen["patient"])
    same = held_out["sha256"].isin(seen["sha256"]) if "sha256" in split else pd.Series(False, held_out.index)
    n, with_sibling, duplicates = len(held_out), int(siblings.sum()), int(same.sum())
    sentence = (
        f"{with_sibling} of {n} test images share a patient with training or validation"
        + (f", {duplicates} are there byte for byte" if duplicates else "")
        + ": these figures do not hold for new patients."
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


def warning(found: Leakage) -> str:
    """What every figure of a leaking split carries; empty where `leakage` found none."""
    return f"LEAKING: {found['sentence']}" if found["leaking"] else ""
