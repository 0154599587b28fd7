"""What a machine does to a run: folders that can't be written, clocks that jump, runs that start together."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from livergrade.io.files import remove_parts
from tests.conftest import TINY, command, train, write_cohort

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A cohort on a disk that can only be read; needs the right to mount one."""
    place = tmp_path / "read only"
    write_cohort(place)
    mount = [["mount", "--bind", place, place], ["mount", "-o", "remount,ro,bind", place]]
    if any(subprocess.run(words, capture_output=True, check=False).returncode for words in mount):
        subprocess.run(["umount", "-l", place], capture_output=True, check=False)
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.slow
@pytest.mark.slow
def test_a_cohort_that_can_only_be_read_is_trained_on(
    small: list[str], read_only: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    own = [f"data.manifest={read_only / 'cohort.csv'}", f"data.cache_dir={tmp_path / 'cache'}"]
    train(*small, *TINY, *own, "trainer.limit_batches=1", f"hydra.run.dir={run}", outputs=tmp_path)
    assert (run / "finished.json").is_file()


@pytest.mark.slow
def test_nothing_is_written_beside_the_images(small: list[str], manifest: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in manifest.parent.rglob("*")}
    train(*small, *TINY, "trainer.limit_batches=1", f"hydra.run.dir={tmp_path / 'run'}", outputs=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in manifest.parent.rglob("*")} == before


def test_a_run_folder_that_can_not_be_written_is_told_at_the_start(
    small: list[str], read_only: Path, tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "livergrade.train", *small, f"hydra.run.dir={read_only / 'run'}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert f"{read_only / 'run'}" in done.stderr
    assert "the disk is read-only" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_checkpoint_folder_that_can_not_be_written_stops_the_run(
    small: list[str], tmp_path: Path, capfd
) -> None:
    """Lightning's own callback goes on, and names a file that is not there."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "checkpoints").write_text("in the way")
    with pytest.raises(SystemExit) as end:
        train(*small, f"hydra.run.dir={run}", outputs=tmp_path)
    assert end.value.code == 1
    assert str(run) in capfd.readouterr().err
    assert not (run / "finished.json").exists()


def test_weights_that_are_no_numbers_are_never_saved(
    small: list[str], tmp_path: Path, monkeypatch, capfd
) -> None:
    """The third step's gradients are no numbers; the checkpoint of the second stays."""
    from livergrade.training.task import GradingTask

    trained = GradingTask.training_step

    def spoilt(self: GradingTask, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        return trained(self, batch, batch_idx) * (torch.nan if self.global_step == 2 else 1)

    monkeypatch.setattr(GradingTask, "training_step", spoilt)
    run = tmp_path / "run"
    words = [*small, *TINY, "augment.train_views=2", "trainer.save_minutes=0", f"hydra.run.dir={run}"]
    with pytest.raises(SystemExit) as end:
        train(*words, outputs=tmp_path)
    assert end.value.code == 1
    told = capfd.readouterr().err
    assert "not finite after step 3" in told
    assert "optim.lr" in told
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 2
    assert all(tensor.isfinite().all() for name, tensor in last["state_dict"].items() if "net" in name)


@pytest.mark.slow
def test_clocks_may_jump(small: list[str], tmp_path: Path, monkeypatch) -> None:
    """The time of day goes a day forth or back at every look; what a run leaves is the same."""
    words = [*small, *TINY, "trainer.max_epochs=3"]
    train(*words, f"hydra.run.dir={tmp_path / 'steady'}", outputs=tmp_path)
    now, chance = time.time, random.Random(0)
    monkeypatch.setattr(time, "time", lambda: now() + chance.uniform(-86400, 86400))
    train(*words, f"hydra.run.dir={tmp_path / 'jumping'}", outputs=tmp_path)
    for name in ("predictions.csv", "metrics.json", "history.csv"):
        steady, jumping = ((tmp_path / run / name).read_bytes() for run in ("steady", "jumping"))
        assert steady == jumping, name


@pytest.mark.slow
def test_two_runs_that_are_given_one_folder_do_not_share_it(small: list[str], tmp_path: Path) -> None:
    words = [sys.executable, "-m", "livergrade.train", *small, *TINY, "trainer.limit_batches=1"]
    words.append(f"hydra.run.dir={tmp_path / 'run'}")
    both = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=300)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 1], told
    assert "another run is there" in told[codes.index(1)]
    assert (tmp_path / "run" / "finished.json").is_file()


def test_runs_of_one_second_have_folders_of_their_own() -> None:
    from livergrade.runs.paths import run_dir

    begun = int(time.time())
    names = {run_dir(None, "senet", None) for _ in range(20) if time.sleep(1e-5) is None}
    assert len(names) == 20
    assert time.time() - begun < 2


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [(0, 2), (0, 1, 3)])
def test_the_number_of_workers_changes_no_bit(
    numbers: tuple[int, ...], small: list[str], tmp_path: Path
) -> None:
    words = [*small, *TINY, "trainer.max_epochs=2", "seed=3"]
    weights = []
    for workers in numbers:
        run = tmp_path / str(workers)
        train(*words, f"data.workers={workers}", f"hydra.run.dir={run}", outputs=tmp_path)
        weights.append(torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
    for other in weights[1:]:
        assert all(torch.equal(tensor, other[name]) for name, tensor in weights[0].items())


# What PyTorch refuses on a GPU with deterministic algorithms, by its name in the graph that goes backward.
NOT_DETERMINISTIC = (
    *("AdaptiveAvgPool2D", "AdaptiveMaxPool2D", "AvgPool3D", "FractionalMaxPool", "GridSampler", "MaxUnpool"),
    *("ReflectionPad", "ReplicationPad", "UpsampleBilinear", "UpsampleBicubic", "UpsampleNearest"),
    *("NllLoss2D", "Put", "Histc", "Kthvalue", "Median", "CtcLoss", "EmbeddingBag"),
)


@pytest.mark.parametrize("model", ["vgg16", "resnet50", "cbam", "senet", "sknet"])
def test_nothing_prevents_deterministic_training_on_a_gpu(model: str, monkeypatch) -> None:
    from livergrade.models.build import build

    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    with torch.device("meta"):  # which writes the same graph, and computes nothing
        logits = build(model, 3).train()(torch.empty(2, 3, 64, 64))
        loss = torch.nn.functional.cross_entropy(logits, torch.zeros(2, dtype=torch.long))
    seen, open_nodes = set(), [loss.grad_fn]
    while open_nodes:
        node = open_nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            open_nodes += [before for before, _ in node.next_functions]
    names = {node.name() for node in seen}
    assert "ConvolutionBackward0" in names
    assert not {name for name in names if name.startswith(NOT_DETERMINISTIC)}


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path, caplog) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".last.ckpt.0123456789abcdef.part").write_bytes(bytes(1000))
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    remove_parts(tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]
    assert "1 partial file" in caplog.text


def test_tensorboard_is_served_to_this_machine_alone(tmp_path: Path) -> None:
    import socket

    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=[None, "--logdir", str(tmp_path), "--port", "0"])
    url = server.launch()
    port = int(url.rsplit(":", 1)[1].strip("/"))
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    own = socket.gethostbyname(socket.gethostname())
    if not own.startswith("127."):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((own, port), timeout=2)


def test_a_full_disk_is_told_before_anything_is_begun(tmp_path: Path, capfd) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        (place / "filler").write_bytes(bytes(40_000))
        with pytest.raises(SystemExit) as end:
            command("predict", "run=anywhere", "a.png", f"out={place / 'graded'}", outputs=place)
        assert end.value.code == 1
        told = capfd.readouterr().err
        assert f"{place / 'graded'}: the disk is full" in told
        assert "Traceback" not in told
    finally:
        subprocess.run(["umount", "-l", place], check=True)
