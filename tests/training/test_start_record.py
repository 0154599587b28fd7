"""The record of a run while it trains."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

from livergrade.training.start_record import StartRecord


def test_a_killed_process_leaves_the_time_until_its_last_checkpoint(tmp_path: Path) -> None:
    record = StartRecord(tmp_path, {"command": "train a"}, None, None, time.monotonic() - 60)
    trainer = SimpleNamespace(callbacks=[])
    trainer.is_global_zero = True
    record.begin(trainer)
    assert trainer.callbacks == [record]
    record.started -= 5
    record.on_save_checkpoint(trainer, None, {})  # type: ignore[arg-type]
    assert 65 <= json.loads((tmp_path / "environment.json").read_text())["seconds"] < 75
    trainer.is_global_zero = False  # another process of the run
    record.started -= 500
    record.on_exception(trainer, None, KeyboardInterrupt())  # type: ignore[arg-type]
    assert json.loads((tmp_path / "environment.json").read_text())["seconds"] < 75
