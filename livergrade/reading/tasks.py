"""In which order a reader sees which images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd


def shuffled(images: int, reader: str, seed: int, repeats: int = 0) -> list[int]:
    """Numbers of the images in a reader's own order, some of them twice.

    Each reader has another order, and the same one whenever it is asked for. The images that come twice are
    the same for all readers: first in the first half, and again after at least half of the images.

    Args:
        images: how many there are.
        reader: the reader's name.
        seed: of the order.
        repeats: how many images come twice; at most half of them.

    Returns:
        Numbers from 0, ``images + repeats`` of them.
    """
    named = int.from_bytes(hashlib.sha256(reader.encode()).digest()[:8], "big")
    own = np.random.default_rng([seed, named])
    twice, once = np.split(np.random.default_rng([seed, 1]).permutation(images), [repeats])
    early = own.permutation((images + 1) // 2)[:repeats]
    late = np.setdiff1d(np.arange(images), early)
    soonest = early + images / 2
    again = soonest + own.random(repeats) * (images - soonest)
    keys = np.concatenate([early, own.permutation(late), again])
    numbers = np.concatenate([twice, once, twice])
    return [int(number) for number in numbers[np.argsort(keys, kind="stable")]]


def differing(grades: Mapping[int, Sequence[str | None]]) -> list[int]:
    """Images on which readers differ, those with most different answers first, then by number.

    Args:
        grades: image → the answer of each reader; None: excluded, or could not be graded.
    """
    several = {image: len(set(answers)) for image, answers in grades.items() if len(set(answers)) > 1}
    return sorted(several, key=lambda image: (-several[image], image))


def by_doubt(predictions: pd.DataFrame, grades: Sequence[str]) -> pd.Series:
    """How much a network contradicts the recorded grade of each image; the largest are to be looked at first.

    Args:
        predictions: one row per view: ``image``, ``grade``, ``p_<grade>``.
        grades: worst to best.

    Returns:
        By image: 1 minus the mean predicted probability of the recorded grade, 0 to 1. An image that the
        network grades as recorded, and with confidence, is near 0; one that it surely grades otherwise is
        near 1.
    """
    mean = predictions.groupby("image")[[f"p_{grade}" for grade in grades]].mean()
    recorded = predictions.drop_duplicates("image").set_index("image")["grade"]
    values = [1 - float(mean.loc[image, f"p_{recorded[image]}"]) for image in mean.index]
    return pd.Series(values, index=mean.index)
