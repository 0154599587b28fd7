"""Keep ``environment.json`` of a run up to date while it trains."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from livergrade.io.files import write_json
from livergrade.runs.environment import Environment
from livergrade.runs.starts import timed, with_start


class StartRecord(Callback):
    """Write the time that this start took whenever its state is saved: a killed process can't any more.

    Args:
        run: the run folder.
        facts: facts of this start, with its ``command``.
        earlier: what the earlier starts recorded; None for the first start.
        resumed: where the run resumes; None for the first start.
        started: start of this process' work, from `time.monotonic`.
    """

    def __init__(
        self, run: Path, facts: Environment, earlier: Environment | None, resumed: str | None, started: float
    ) -> None:
        self.path, self.started = run / "environment.json", started
        self.begun = with_start(facts, earlier, resumed)

    def facts(self) -> Environment:
        """The record of the run, with the time until now."""
        return timed(self.begun, time.monotonic() - self.started)

    def begin(self, trainer: Any) -> None:  # noqa: ANN401 - Lightning does not declare its callbacks
        """Write the record, and keep it up to date while this trainer trains."""
        self.write()
        trainer.callbacks.append(self)

    def write(self) -> None:
        """Write ``environment.json``."""
        write_json(self.facts(), self.path)

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the time until this checkpoint."""
        if trainer.is_global_zero:
            self.write()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Write the time until the run was stopped."""
        if trainer.is_global_zero:
            self.write()
