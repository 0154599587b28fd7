"""What a machine lacks is told with what to do."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from livergrade.cli.system_errors import explain_system_error
from livergrade.errors import UserError
from livergrade.training.checkpoints import WholeCheckpointIO
from tests.conftest import command


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB; needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_keeps_the_checkpoint_before(full_disk: Path) -> None:
    path = full_disk / "checkpoints" / "last.ckpt"
    WholeCheckpointIO().save_checkpoint({"w": torch.ones(200_000)}, path)
    with pytest.raises(UserError, match=r"last\.ckpt: can't be written .* MB are left.*train\.resume"):
        WholeCheckpointIO().save_checkpoint({"w": torch.zeros(1_000_000)}, path)
    assert torch.load(path, weights_only=True)["w"].sum() == 200_000
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_a_run_on_a_full_disk_says_so(small: list[str], narrow: None, full_disk: Path, capfd) -> None:
    with pytest.raises(SystemExit) as end:
        command("train", *small, f"hydra.run.dir={full_disk / 'run'}", outputs=full_disk)
    assert end.value.code == 1
    told = capfd.readouterr().err
    assert "can't be written" in told or "the disk is full" in told
    assert "Traceback" not in told
    whole = list((full_disk / "run" / "checkpoints").glob("*.ckpt"))
    assert all(torch.load(path, weights_only=True) for path in whole)


def test_what_the_machine_lacks_is_told_with_what_to_do(tmp_path: Path) -> None:
    for error, words in (
        (OSError(errno.ENOSPC, "No space left", str(tmp_path / "a")), ("a: the disk is full", "MB are left")),
        (OSError(errno.EROFS, "Read-only", "/x"), ("/x: the disk is read-only",)),
        (PermissionError(errno.EACCES, "denied", "/x"), ("/x: no permission",)),
        (torch.OutOfMemoryError("CUDA out of memory"), ("GPU's memory", "data.batch_size")),
        (MemoryError(), ("memory ran out", "data.image_size")),
        (
            RuntimeError(
                "adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation, but you set"
            ),
            ("adaptive_avg_pool2d_backward_cuda is not deterministic", "trainer.deterministic=true"),
        ),
    ):
        told = explain_system_error(error)
        assert told is not None
        assert all(word in told for word in words), told
    assert explain_system_error(ValueError("ours")) is None
    assert explain_system_error(FileNotFoundError(errno.ENOENT, "no", "x")) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="loader processes are killed by signal")
def test_a_killed_loader_process_is_told(
    small: list[str], narrow: None, tmp_path: Path, monkeypatch, capfd
) -> None:
    import signal

    from livergrade.data.cache import UncachedImages

    read, main = UncachedImages.__getitem__, os.getpid()

    def die(self: UncachedImages, rows: object) -> object:
        if os.getpid() == main:
            return read(self, rows)
        return os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(UncachedImages, "__getitem__", die)
    with pytest.raises(SystemExit) as end:
        command("train", *small, "data.workers=1", "data.cache=none", outputs=tmp_path)
    assert end.value.code == 1
    told = capfd.readouterr().err
    assert "A loader process was killed" in told
    assert "data.workers" in told
    assert "Traceback" not in told


def test_a_name_that_the_locale_lacks_is_told(monkeypatch) -> None:
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")
    try:
        "mäßig".encode("ascii")
    except UnicodeEncodeError as error:
        told = explain_system_error(error)
    assert told
    assert "mäßig: this locale has no such characters" in told
    assert "PYTHONUTF8=1" in told
