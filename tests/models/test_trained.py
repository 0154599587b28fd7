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
        ({"hyper_parameters": None}, "its settings have no names"),
        ({"state_dict": {}}, "loading state_dict"),
        ({"hyper_parameters": {"classes": ["a", "b"], "model": {"name": "other"}}}, "'other'"),
    ],
)
def test_a_checkpoint_of_another_version_is_refused(
    tiny_run: Path, tmp_path: Path, change: dict, told: str
) -> None:
    content = torch.load(tiny_run / "checkpoints" / "best.ckpt", weights_only=True) | change
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=rf"a\.ckpt: is not a checkpoint of this version.*({told})"):
        trained_net(tmp_path / "a.ckpt")


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(1)}, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match="it holds no network"):
        trained_net(tmp_path / "a.ckpt")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (float("nan"), "values that are not finite"),
        (float("inf"), "values that are not finite"),
        (None, "is not a tensor"),
        (True, r"torch\.bool instead of torch\.float32"),
    ],
)
def test_weights_that_are_no_finite_numbers_are_refused(
    tiny_run: Path, tmp_path: Path, harm: object, told: str
) -> None:
    content = torch.load(tiny_run / "checkpoints" / "best.ckpt", weights_only=True)
    name = next(name for name in content["state_dict"] if name.startswith("net."))
    tensor = content["state_dict"][name]
    content["state_dict"][name] = tensor > 0 if harm is True else None if harm is None else tensor * harm
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=rf"a\.ckpt.*{told}") as error:
        trained_net(tmp_path / "a.ckpt")
    assert "\n" not in str(error.value)


def test_grades_that_are_no_names_are_refused(tiny_run: Path, tmp_path: Path) -> None:
    content = torch.load(tiny_run / "checkpoints" / "best.ckpt", weights_only=True)
    for grades in (["a"], [["a"], ["b"]], "abc", {"a": 1}, ["a"] * 10_000):
        content["hyper_parameters"]["classes"] = grades
        torch.save(content, tmp_path / "a.ckpt")
        with pytest.raises(UserError, match="grades"):
            trained_net(tmp_path / "a.ckpt")


@pytest.mark.filterwarnings("error")  # PyTorch warns of a tensor that is indexed by a name
@pytest.mark.parametrize("place", [(), ("model",)])
@pytest.mark.parametrize("stored", [torch.zeros(2, 2), torch.tensor(1.0), [1], "classes", None])
def test_settings_without_names_are_refused(
    tiny_run: Path, tmp_path: Path, place: tuple[str, ...], stored: object
) -> None:
    content = torch.load(tiny_run / "checkpoints" / "best.ckpt", weights_only=True)
    if place:
        content["hyper_parameters"]["model"] = stored
    else:
        content["hyper_parameters"] = stored
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=r"a\.ckpt.*its settings have no names"):
        trained_net(tmp_path / "a.ckpt")
