"""The network of a checkpoint, ready to grade."""

from pathlib import Path

import pytest
import torch

from livergrade.errors import UserError
from livergrade.models.trained import trained_net
from tests.conftest import GRADES


def test_a_runs_network_comes_back_ready_to_grade(tiny_run: Path) -> None:
    path = tiny_run / "checkpoints" / "best.ckpt"
    net, classes = trained_net(path)
    assert classes == list(GRADES)
    assert not net.training
    state = torch.load(path, weights_only=True)["state_dict"]
    ours = net.state_dict()
    assert {f"net.{name}" for name in ours} <= set(state)
    assert all(torch.equal(tensor, state[f"net.{name}"]) for name, tensor in ours.items())
    assert not any(tensor.is_meta for tensor in (*net.parameters(), *net.buffers()))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"hyper_parameters": None}, "not subscriptable|holds no network"),
        ({"state_dict": {}}, "loading state_dict"),
        ({"hyper_parameters": {"classes": ["a", "b"], "model": {"name": "other"}}}, "'other'"),
    ],
)
def test_a_checkpoint_of_another_version_is_refused(
    tiny_run: Path, tmp_path: Path, change: dict, told: str
) -> None:
    content = torch.load(tiny_run / "checkpoints" / "best.ckpt", weights_only=True) | change
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=rf"a\.ckpt: is no checkpoint of this version.*({told})"):
        trained_net(tmp_path / "a.ckpt")


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(1)}, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match="it holds no network"):
        trained_net(tmp_path / "a.ckpt")
