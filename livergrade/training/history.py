"""Training curves of a run, read from its TensorBoard files: they exist anyway and survive a resume."""

from pathlib import Path

import pandas as pd
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from livergrade.training.board_tags import name_of


def read_history(folder: Path) -> pd.DataFrame:
    """Read the scalars of a TensorBoard folder, one row per epoch.

    Args:
        folder: folder of the event files.

    Returns:
        ``epoch`` (from 1) and a column for each scalar logged during training, such as ``train/loss`` or
        ``val/recall/poor``. If an epoch was trained twice, after a resume, the later values are kept.
    """
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    columns = {
        name: {event.step: event.value for event in events.Scalars(tag)}  # a step is an epoch
        for name, tag in sorted((name_of(tag), tag) for tag in events.Tags()["scalars"])
        if name.startswith(("train/", "val/")) or name == "lr"
    }
    if not columns:
        return pd.DataFrame({"epoch": []})
    return pd.DataFrame(columns).rename_axis("epoch").sort_index().reset_index()
