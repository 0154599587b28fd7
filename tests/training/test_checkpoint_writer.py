"""Checkpoints that are written while training goes on: how many wait, and what is in them."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins import CheckpointIO

from livergrade.errors import UserError
from livergrade.training.checkpoint_writer import BackgroundWriter
from tests.pretended_card import pretended_card


class SlowDisk(CheckpointIO):
    """Notes what is written, once it is let to."""

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.written: list[tuple[str, int]] = []

    def save_checkpoint(self, checkpoint, path, storage_options=None) -> None:
        self.begun.release()
        assert self.let.acquire(timeout=20)
        self.written.append((Path(path).name, int(checkpoint["state_dict"]["net.weight"][0])))

    def load_checkpoint(self, path, map_location=None, weights_only=None) -> dict:
        return {}

    def remove_checkpoint(self, path) -> None:
        raise AssertionError


def state(value: float) -> dict[str, object]:
    return {"state_dict": {"net.weight": torch.full((1000,), value)}, "global_step": 7}


@pytest.fixture
def slow() -> Iterator[tuple[SlowDisk, BackgroundWriter]]:
    disk = SlowDisk()
    yield disk, BackgroundWriter(disk)
    disk.let.release(99)


def meanwhile(task: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=task)
    thread.start()
    return thread


def test_while_the_disk_is_slow_one_state_waits_and_the_latest_takes_its_place(slow, tmp_path: Path) -> None:
    disk, writer = slow
    for epoch in range(9):
        writer.save_checkpoint(state(epoch), tmp_path / "last.ckpt")
        if not epoch:
            assert disk.begun.acquire(timeout=20)
        kept = [writer.waiting, *list(writer.spare.values())]
        assert len([one for one in kept if one]) <= 1
    disk.let.release(99)
    writer.teardown()
    assert disk.written == [("last.ckpt", 0), ("last.ckpt", 8)]
    assert not writer.spare


def test_files_are_written_in_the_order_that_they_were_given(slow, tmp_path: Path) -> None:
    disk, writer = slow
    writer.save_checkpoint(state(0), tmp_path / "best.ckpt")
    assert disk.begun.acquire(timeout=20)
    writer.save_checkpoint(state(1), tmp_path / "last.ckpt")
    third = meanwhile(lambda: writer.save_checkpoint(state(2), tmp_path / "best.ckpt"))
    third.join(0.05)
    assert third.is_alive()  # it would be a second one that waits
    disk.let.release(99)
    third.join(20)
    writer.teardown()
    assert disk.written == [("best.ckpt", 0), ("last.ckpt", 1), ("best.ckpt", 2)]


def test_weights_that_change_after_a_step_are_written_as_they_were(slow, tmp_path: Path) -> None:
    disk, writer = slow
    weight = torch.nn.Parameter(torch.ones(1000))
    optimizer = torch.optim.SGD([weight], lr=1, momentum=0.9)
    writer.until_next_step([optimizer])
    weight.grad = torch.ones(1000)
    for step in range(5):
        given = {"state_dict": {"net.weight": weight.detach()}, "optimizer": optimizer.state_dict()}
        writer.save_checkpoint(given, tmp_path / f"{step}.ckpt")
        disk.let.release()
        writer.finish_copies()
        optimizer.step()
        with torch.no_grad():
            weight.fill_(step + 2.0)
    writer.teardown()
    assert disk.written == [(f"{step}.ckpt", step + 1) for step in range(5)]


def test_on_a_card_weights_are_copied_beside_the_step_and_all_else_at_once(tmp_path: Path) -> None:
    class Kept(SlowDisk):
        def save_checkpoint(self, checkpoint, path, storage_options=None) -> None:
            state = checkpoint["state_dict"]
            self.written.append((float(state["net.weight"][0]), float(state["net.mean"][0])))

    with pretended_card() as counts:
        disk = Kept()
        writer = BackgroundWriter(disk)
        weight, mean = torch.nn.Parameter(torch.ones(1000, device="cuda")), torch.ones(1000, device="cuda")
        writer.until_next_step([torch.optim.SGD([weight], lr=1)])
        for step in range(3):
            counts.taken()
            writer.save_checkpoint(
                {"state_dict": {"net.weight": weight.detach(), "net.mean": mean}}, tmp_path / f"{step}.ckpt"
            )
            mean.fill_(step + 2.0)  # by the forward pass of the next step
            writer.finish_copies()
            assert not counts.waits
            with torch.no_grad():
                weight.fill_(step + 2.0)
        writer.teardown()
    assert disk.written == [(1, 1), (2, 2), (3, 3)]


def test_weights_that_are_no_numbers_are_not_written(slow, tmp_path: Path) -> None:
    disk, writer = slow
    disk.let.release(99)
    writer.save_checkpoint(state(1), tmp_path / "last.ckpt")
    writer.save_checkpoint(state(float("nan")), tmp_path / "last.ckpt")
    with pytest.raises(UserError, match=r"not finite after step 7; .*last\.ckpt contains the previous ones"):
        writer.teardown()
    assert disk.written in ([("last.ckpt", 1)], [])
    writer.teardown()  # told once


def test_an_error_of_the_disk_is_told_by_the_next_call(tmp_path: Path) -> None:
    class Full(SlowDisk):
        def save_checkpoint(self, checkpoint, path, storage_options=None) -> None:
            raise UserError("the disk is full")

    writer = BackgroundWriter(Full())
    writer.save_checkpoint(state(1), tmp_path / "last.ckpt")
    with pytest.raises(UserError, match="full"):
        for _ in range(100):
            writer.save_checkpoint(state(2), tmp_path / "last.ckpt")
            threading.Event().wait(0.01)
    with contextlib.suppress(UserError):  # the second may have been begun
        writer.teardown()
