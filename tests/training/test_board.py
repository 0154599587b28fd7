"""The run's logger."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from livergrade.training.board import Board


def test_a_pass_is_one_record_with_descriptions(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for epoch in (1, 2):
        board.log_metrics({"val/loss": 1 / epoch, "val/f1/poor": float("nan")}, epoch)
    board.finalize("success")
    board.log_metrics({"val/loss": 0.25}, 3)  # into another file
    board.finalize("success")
    files = sorted((tmp_path / "tensorboard").iterdir())
    assert len(files) == 2, "and no hparams.yaml"
    records = [event for event in EventFileLoader(str(files[0])).Load() if event.summary.value]
    assert [(event.step, len(event.summary.value)) for event in records] == [(1, 2), (2, 2)]
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(point.step, point.value) for point in events.Scalars("loss/val")] == [
        (1, 1),
        (2, 0.5),
        (3, 0.25),
    ]
    assert "validation views" in events.summary_metadata["loss/val"].summary_description
