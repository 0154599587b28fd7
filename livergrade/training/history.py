"""Training curves of a run, read from its TensorBoard files: they exist anyway and survive a resume."""

from pathlib import Path

import pandas as pd
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def read_history(folder: Path) -> pd.DataFrame:
    """Read the scalars of a TensorBoard folder, one row per epoch.

    Args:
        folder: folder of the event files.

    Returns:
        ``epoch`` (from 0) and a column for each scalar logged during training, such as ``train/loss`` or
        ``val/recall/poor``. If an epoch was trained twice, after a resume, the later values are kept.
    """
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = events.Tags()["scalars"]
    if "epoch" not in tags:
        return pd.DataFrame({"epoch": []})
    # Lightning logs the epoch with each group of scalars, under the same step.
    epochs = {event.step: int(event.value) for event in events.Scalars("epoch")}
    columns = {}
    for tag in sorted(tags):
        if tag.startswith(("train/", "val/")) or tag == "lr":
            points = [
                (epochs[event.step], event.value) for event in events.Scalars(tag) if event.step in epochs
            ]
            columns[tag] = dict(points)
    return pd.DataFrame(columns).rename_axis("epoch").sort_index().reset_index()
