"""Checkpoints are read without running what they hold."""

import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from livergrade.errors import UserError
from livergrade.io.safe_load import safe_load
from tests.conftest import command


class Payload:
    """What a stranger's file would run when it is unpickled without care."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.witness),)


def test_tensors_and_plain_values_come_back(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.ones(2)}, "epoch": 3}, tmp_path / "a.ckpt")
    content = safe_load(tmp_path / "a.ckpt", fix="")
    assert isinstance(content, dict)
    assert content["epoch"] == 3
    assert torch.equal(content["state_dict"]["w"], torch.ones(2))


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_payload_is_named_and_not_run(tmp_path: Path, writer: str) -> None:
    path, witness = tmp_path / "a.ckpt", tmp_path / "witness"
    if writer == "torch":
        torch.save({"state_dict": {}, "more": Payload(witness)}, path)
    else:
        path.write_bytes(pickle.dumps(Payload(witness)))
    with pytest.raises(UserError, match=r"a\.ckpt is refused"):
        safe_load(path, fix="copy it again")
    assert not witness.exists()


def test_damaged_files_are_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save({"w": torch.ones(1000)}, path)
    whole = path.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match=r"a\.ckpt.*(truncated|damaged)"):
            safe_load(path, fix="copy it again")
    path.unlink()
    with pytest.raises(UserError, match=r"a\.ckpt: is not there; copy it again"):
        safe_load(path, fix="copy it again")


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "trainer.progress=false"),
        ("predict", "cohort.csv", "accelerator=cpu"),
        ("explain", "accelerator=cpu"),
        ("export",),
    ],
)
@pytest.mark.parametrize("harm", ["payload", "cut", "other"])
def test_no_command_runs_what_a_runs_folder_brings(
    tiny_run: Path, manifest: Path, tmp_path: Path, capfd, words: tuple[str, ...], harm: str
) -> None:
    run, witness = tmp_path / "run", tmp_path / "witness"
    shutil.copytree(tiny_run, run, ignore=shutil.ignore_patterns("tensorboard"))
    best = run / "checkpoints" / "best.ckpt"
    if harm == "payload":
        torch.save({"state_dict": {}, "hyper_parameters": Payload(witness)}, best)
    elif harm == "cut":
        best.write_bytes(best.read_bytes()[:-1000])
    else:
        torch.save({"state_dict": {"w": torch.ones(1)}, "hyper_parameters": {"name": "senet"}}, best)
    name, *others = [str(manifest) if word == "cohort.csv" else word for word in words]
    with pytest.raises(SystemExit) as end:
        command(name, f"run={run}", *others, outputs=tmp_path)
    assert end.value.code == 1
    told = capfd.readouterr().err
    assert "best.ckpt" in told
    assert "Traceback" not in told
    assert not witness.exists()


@pytest.mark.parametrize("harm", ["payload", "cut", "empty"])
def test_a_damaged_or_hostile_checkpoint_is_not_resumed_from(
    tiny_run: Path, tmp_path: Path, capfd, harm: str
) -> None:
    run, witness = tmp_path / "run", tmp_path / "witness"
    shutil.copytree(tiny_run, run)
    last = run / "checkpoints" / "last.ckpt"
    if harm == "payload":
        torch.save({"state_dict": Payload(witness)}, last)
    else:
        last.write_bytes(last.read_bytes()[:-1000] if harm == "cut" else b"")
    with pytest.raises(SystemExit) as end:
        command("train", f"train.resume={run}", outputs=tmp_path)
    assert end.value.code == 1
    told = capfd.readouterr().err
    assert "last.ckpt" in told
    assert "Traceback" not in told
    assert not witness.exists()
    assert (run / "finished.json").exists()  # nothing finished is lost


def test_a_configs_target_is_never_made(tiny_run: Path, tmp_path: Path, capfd) -> None:
    run, witness = tmp_path / "run", tmp_path / "witness"
    shutil.copytree(tiny_run, run)
    config = run / "config.yaml"
    config.write_text(config.read_text() + f"_target_: os.mkdir\npath: {witness}\n")
    with pytest.raises(SystemExit):
        command("evaluate", f"run={run}", outputs=tmp_path)
    assert "config.yaml" in capfd.readouterr().err
    config.write_text(f"!!python/object/apply:os.mkdir ['{witness}']\n")
    with pytest.raises(SystemExit):
        command("evaluate", f"run={run}", outputs=tmp_path)
    assert "Traceback" not in capfd.readouterr().err
    assert not witness.exists()
