"""Runs that share a GPU wait for a place."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from livergrade.errors import UserError
from livergrade.training.gpu_share import gpu_share, gpu_slot


def test_no_more_run_at_once_than_there_are_places(tmp_path: Path) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def job(_: int) -> None:
        nonlocal running, most
        with gpu_slot(2, tmp_path / "card"):
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.05)
            with lock:
                running -= 1

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(job, range(5)))
    assert most == 2


def test_a_place_is_given_back_by_a_run_that_fails(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no"), gpu_slot(1, tmp_path / "card"):
            raise RuntimeError("no")


def test_without_a_gpu_nobody_waits() -> None:
    with gpu_share(torch.device("cpu"), 1.0), gpu_share(torch.device("cpu"), 1.0):
        pass


def test_slots_are_this_users_alone(tmp_path: Path) -> None:
    with gpu_slot(1, tmp_path / "new" / "card"):
        assert (tmp_path / "new" / "card").stat().st_mode & 0o777 == 0o700
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "new" / "card")
    for name in ("open", "link"):
        with pytest.raises(UserError, match="only you may write"), gpu_slot(1, tmp_path / name):
            pass
    (tmp_path / "new" / "card" / "1 of 2").symlink_to(tmp_path / "bait")
    with pytest.raises(UserError, match="is not a file, but a lock"), gpu_slot(2, tmp_path / "new" / "card"):
        pass
    assert not (tmp_path / "bait").exists()
