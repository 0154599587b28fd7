"""A run's curves, read back from its TensorBoard files: they survive a resume and are written anyway."""

from pathlib import Path

import pandas as pd
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def read_history(folder: Path) -> pd.DataFrame:
    """The scalars of a TensorBoard folder, one row an epoch.

    Args:
        folder: where the event files lie.

    Returns:
        ``epoch`` (from 0) and a column for each scalar that was logged during training, as ``train/loss`` or
        ``val/recall/poor``. Of an epoch trained twice, after a resume, the later values are kept.
    """
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = events.Tags()["scalars"]
    if "epoch" not in tags:
        return pd.DataFrame({"epoch": []})
    # Lightning logs the epoch beside each group of scalars, under the same step.
    epochs = {event.step: int(event.value) for event in events.Scalars("epoch")}
    columns = {}
    for tag in sorted(tags):
        if tag.startswith(("train/", "val/")) or tag == "lr":
            told = [
                (epochs[event.step], event.value) for event in events.Scalars(tag) if event.step in epochs
            ]
            columns[tag] = dict(told)
    return pd.DataFrame(columns).rename_axis("epoch").sort_index().reset_index()
