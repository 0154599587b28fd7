"""What a checkpoint carries of the run that wrote it: its split and its options, each as one SHA-256."""

from __future__ import annotations

from typing import Any, cast

import pandas as pd
from omegaconf import OmegaConf

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, REPORTING, TrainConfig
from livergrade.evaluation.splits import fingerprint
from livergrade.io.kept import digest

_MAY_CHANGE = (*MACHINE, *REPORTING, "model.weights")
"""Options that a run may be resumed with others of, along with those of ``trainer``."""


def checkpoint_mark(config: TrainConfig, split: pd.DataFrame) -> dict[str, Any]:
    """What tells a run's checkpoints from those of any other, such as another fold of its cross-validation.

    Args:
        config: the options that the run was started with, or as they are read from ``config.yaml``.
        split: its split, with the columns of ``split.csv``.

    Returns:
        ``split``, SHA-256 of name, patient, grade, part and content of every image, and ``options``, SHA-256
        of all options but those that a resumed run may change.
    """
    # As they are stored: a whole number that was given where any number may be is one and the same.
    stored = cast("TrainConfig", OmegaConf.to_object(OmegaConf.structured(config)))
    kept = {
        key: value
        for key, _, value in options(stored)
        if key not in _MAY_CHANGE and not key.startswith("trainer.")
    }
    return {"split": fingerprint(split), "options": digest(kept)}
