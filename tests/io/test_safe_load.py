"""Checkpoints are read without running what they hold."""

import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch

from livergrade.errors import UserError
from livergrade.io.safe_load import safe_load
from tests.conftest import command, telling


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


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16, torch.uint64])
def test_numbers_that_nothing_computes_with_are_refused(tmp_path: Path, kind: torch.dtype) -> None:
    torch.save({"w": torch.ones(3).to(kind)}, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=r"a\.ckpt is refused: it holds tensors of an unusual kind"):
        safe_load(tmp_path / "a.ckpt", fix="copy it again")


USES = {
    "evaluate": ("trainer.progress=false",),
    "predict": ("cohort.csv", "accelerator=cpu"),
    "explain": ("accelerator=cpu",),
    "export": (),
}


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        pytest.param(name, harm, marks=[pytest.mark.slow] * (harm != "payload" and name != "predict"))
        for harm in ("payload", "cut", "other")
        for name in USES
    ],
)
def test_no_command_runs_what_a_runs_folder_brings(
    tiny_run: Path, manifest: Path, tmp_path: Path, capfd, name: str, harm: str
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
    others = [str(manifest) if word == "cohort.csv" else word for word in USES[name]]
    with pytest.raises(SystemExit) as end:
        command(name, f"run={run}", *others, outputs=tmp_path)
    assert end.value.code == 1
    told = capfd.readouterr().err
    assert "best.ckpt" in told
    assert "Traceback" not in told
    assert not witness.exists()


@pytest.mark.parametrize("harm", telling(["payload", "cut", "empty"], fast=(0,)))
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
        command("train", f"train.resume={run}", "trainer.max_epochs=2", outputs=tmp_path)
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


class Call:
    """An object that is made by calling something that PyTorch may allow."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def repacked(path: Path, into: Path, *, method: int = 0, more: dict[str, bytes] | None = None) -> Path:
    """The records of a file of ``torch.save``, written anew."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(into, "w", method) as new:
        for record in old.infolist():
            new.writestr(record.filename, old.read(record))
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return into


def test_neither_the_environment_nor_other_code_widens_what_is_read(tmp_path: Path, monkeypatch) -> None:
    path, witness = tmp_path / "a.ckpt", tmp_path / "witness"
    torch.save({"more": Payload(witness)}, path)
    torch.save({"w": torch.ones(2)}, tmp_path / "b.ckpt")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    for both in (False, True):
        if both:
            monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
        with (
            torch.serialization.safe_globals([os.mkdir, (os.mkdir, "posix.mkdir")]),
            pytest.raises(UserError, match=r"is refused: it asks to load \S*mkdir") as error,
        ):
            safe_load(path, fix="")
        assert "weights_only" not in str(error.value)
        assert "\n" not in str(error.value)
        assert isinstance(safe_load(tmp_path / "b.ckpt", fix=""), dict)
    assert not witness.exists()
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    "content",
    [
        Call(bytearray, 10**11),
        Call(torch.FloatTensor, 10**11),
        Call(torch.Tensor, 10**11),
        Call(torch.UntypedStorage, 10**11),
        torch.zeros(1).expand(10**11),
        torch.zeros(1, 1).to_sparse(),
        torch.zeros(10**11, device="meta"),
    ],
    ids=["bytearray", "FloatTensor", "Tensor", "storage", "view", "sparse", "meta"],
)
def test_what_takes_more_memory_than_the_file_is_refused(tmp_path: Path, content: object, old: bool) -> None:
    torch.save({"w": content}, tmp_path / "a.pt", _use_new_zipfile_serialization=not old)
    with pytest.raises(UserError, match=r"a\.pt is refused") as error:
        safe_load(tmp_path / "a.pt", fix="")
    assert "\n" not in str(error.value)


def test_a_file_of_before_pytorch_1_6_is_read_and_its_lies_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.pth.tar"
    torch.save({"w": torch.arange(4.0)}, path, _use_new_zipfile_serialization=False)
    content = safe_load(path, fix="")
    assert isinstance(content, dict)
    assert content["w"].tolist() == [0, 1, 2, 3]
    written = path.read_bytes()
    assert b"K\x04N" in written  # the number of values in the storage
    path.write_bytes(written.replace(b"K\x04N", b"J\xff\xff\xff\x7fN"))
    with pytest.raises(UserError, match=r"a\.pth\.tar (is refused|cannot be read)"):
        safe_load(path, fix="")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("compressed", "compressed, which torch.save does not do"),
        ("twice", "not one that torch.save writes"),
        ("elsewhere", "lead elsewhere"),
        ("larger", "larger than the file"),
        ("tar", "cannot be read"),
        ("text", "cannot be read"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_container_that_torch_save_does_not_write_is_refused(tmp_path: Path, harm: str, told: str) -> None:
    plain, path = tmp_path / "plain.pt", tmp_path / "a.pt"
    torch.save({"w": torch.zeros(10**5)}, plain)
    if harm == "compressed":
        repacked(plain, path, method=zipfile.ZIP_DEFLATED)
    elif harm == "twice":
        repacked(plain, path, more={"plain/data/0": b"again"})
    elif harm == "elsewhere":
        repacked(plain, path, more={"../../escaped": b""})
    elif harm == "larger":
        repacked(plain, path, more={"plain/data/1": b"x" * 99_999})
        size = (99_999).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(size * 2, (10**9).to_bytes(4, "little") * 2))
    elif harm == "tar":
        with tarfile.open(path, "w") as archive:
            archive.add(plain)
    else:
        path.write_text("no weights")
    with pytest.raises(UserError, match=rf"a\.pt.*{told}"):
        safe_load(path, fix="")


def test_values_within_values_for_ever_are_read_or_refused(tmp_path: Path) -> None:
    circle: list[object] = []
    circle.append(circle)
    torch.save({"circle": circle, "w": torch.ones(1)}, tmp_path / "a.pt")
    assert isinstance(safe_load(tmp_path / "a.pt", fix=""), dict)
    plain = tmp_path / "plain.pt"
    torch.save({"w": torch.ones(1)}, plain)
    for pickled in (b"\x80\x02" + b"(" * 10**5 + b"l" * 10**5 + b".", b"\x80\x02)" + b"\x85" * 10**5 + b"."):
        with zipfile.ZipFile(plain) as old, zipfile.ZipFile(tmp_path / "b.pt", "w") as new:
            for record in old.infolist():
                deep = record.filename.endswith("data.pkl")
                new.writestr(record.filename, pickled if deep else old.read(record))
        try:
            safe_load(tmp_path / "b.pt", fix="")
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "long name"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = {"device": Path("/dev/zero"), "long name": tmp_path / ("a" * 5000)}.get(kind, tmp_path / "a.pt")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(UserError, match=r"not a file|can't be opened"):
        safe_load(path, fix="")
