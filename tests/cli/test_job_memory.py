"""What a job of a sweep held is free before the next one starts."""

import weakref
from pathlib import Path

import pytest
import torch

from livergrade.cli.job_memory import free_job_memory
from tests.conftest import TINY, train


class Large:
    """Something that a job holds."""


def failing(held: list[weakref.ref]) -> None:
    network = Large()
    network.itself = network
    held.append(weakref.ref(network))
    try:
        raise MemoryError("of the card")
    except MemoryError as error:
        raise ValueError("this job failed") from error


def test_a_failed_jobs_variables_are_free_although_its_error_is_kept() -> None:
    held: list[weakref.ref] = []
    try:
        failing(held)
    except ValueError as error:
        kept = error
        free_job_memory(error)
    assert held[0]() is None
    assert kept.__traceback__ is not None


@pytest.mark.slow
@pytest.mark.usefixtures("unreported", "undrawn")
def test_a_sweep_goes_on_after_a_job_without_memory(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from livergrade.training.task import GradingTask

    begun, alive, trained = list[weakref.ref](), list[int](), GradingTask.training_step

    def step(self: GradingTask, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        if not begun or begun[-1]() is not self:
            alive.append(sum(task() is not None for task in begun))
            begun.append(weakref.ref(self))
        if len(begun) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return trained(self, batch, batch_idx)

    monkeypatch.setattr(GradingTask, "training_step", step)
    words = ["-m", *TINY, *small, "seed=1,2,3", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    with pytest.raises(SystemExit):
        train(*words, outputs=tmp_path)
    assert alive == [0, 0, 0]
    assert len(list((tmp_path / "sweep").glob("*/finished.json"))) == 2
    failed = next((tmp_path / "sweep").glob("*/failed.json"))
    assert "OutOfMemoryError" in failed.read_text()
