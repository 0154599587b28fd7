from pathlib import Path

import pytest
import torch

from livergrade.checkpoints import WholeCheckpointIO, checkpoint_writer


class Unwritable:
    def __reduce__(self):
        raise RuntimeError("no")


def test_what_was_written_before_stays_if_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    writer = WholeCheckpointIO()
    writer.save_checkpoint({"epoch": 1}, path)
    with pytest.raises(RuntimeError):
        writer.save_checkpoint({"epoch": 2, "more": Unwritable()}, path)
    assert writer.load_checkpoint(path) == {"epoch": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_what_is_written_in_the_background_is_as_it_was(tmp_path: Path) -> None:
    writer, weights = checkpoint_writer(), torch.ones(1_000_000)
    writer.save_checkpoint({"state_dict": {"weights": weights}}, tmp_path / "last.ckpt")
    weights.zero_()  # as the next step would
    writer.teardown()
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]["weights"].eq(1).all()
