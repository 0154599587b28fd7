"""A finished run knows its own files: none that was changed, cut, swapped, lost or added is taken for one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.safe_load import safe_load
from livergrade.multirun.ensemble import open_run
from livergrade.runs.find import find_runs
from livergrade.runs.finished import FILES, NAME, mark_finished, read_finished
from livergrade.runs.run import Run
from tests.conftest import finished_run

READERS: dict[str, Callable[[Run], object]] = {
    "config.yaml": lambda run: run.config,
    "split.csv": lambda run: run.split,
    "predictions.csv": lambda run: run.predictions,
    "metrics.json": lambda run: run.metrics,
    "calibration.json": lambda run: run.calibration,
    "environment.json": lambda run: run.environment,
    "appearance.json": lambda run: run.appearance,
    "appearance.csv": lambda run: run.distances,
    "scale.json": lambda run: run.scale,
    "history.csv": lambda run: run.history,
    "checkpoints/best.ckpt": lambda run: run.network(),
}


def copied(run: Path, folder: Path) -> Path:
    """The files of a run that are read again, and what it was finished with."""
    (folder / "checkpoints").mkdir(parents=True)
    for name in (*FILES, NAME):
        if (run / name).exists():
            shutil.copyfile(run / name, folder / name)
    return folder


def refused(read: Callable[[], object], told: str) -> None:
    with pytest.raises(UserError, match=told) as error:
        read()
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_every_file_of_a_run_has_a_reader(tiny_run: Path) -> None:
    assert set(READERS) == set(FILES)
    run = Run(tiny_run)
    for read in READERS.values():
        read(run)
    assert set(read_finished(tiny_run)["files"]) == set(FILES) - {"scale.json"}  # mpp is not known


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_changed_lost_or_added_is_refused(name: str, tiny_run: Path, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "run")
    if name == "scale.json":
        scale = {"images": 1, "low": 1.0, "median": 1.0, "high": 1.0, "network_um": 0.1}
        (run / name).write_text(json.dumps(scale))
        refused(
            lambda: READERS[name](Run(run)),
            rf"run/{name}: does not belong to this run: finished\.json .*move it",
        )
        return
    content = (run / name).read_bytes()
    # A byte more is still a whole file of its kind; of a checkpoint another step is.
    (run / name).write_bytes(content + b"\n" if "ckpt" not in name else _with_another_epoch(run / name))
    refused(
        lambda: READERS[name](Run(run)),
        rf"run/{name}: is not the file that the run was finished with .*; put the run's own file back",
    )
    (run / name).unlink()
    refused(lambda: READERS[name](Run(run)), rf"(run/{name}: |run: is not a run)")
    (run / name).write_bytes(content)
    READERS[name](Run(run))


def _with_another_epoch(path: Path) -> bytes:
    import torch

    content = safe_load(path, fix="")
    assert isinstance(content, dict)
    content["epoch"] += 1
    torch.save(content, path)
    return path.read_bytes()


@pytest.mark.parametrize("name", [*(name for name in FILES if name != "scale.json"), NAME])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_file_that_was_cut_is_refused_wherever(
    name: str, share: float, tiny_run: Path, tmp_path: Path
) -> None:
    run = copied(tiny_run, tmp_path / "run")
    content = (run / name).read_bytes()
    cuts = {int(share * len(content))}
    if name.endswith("csv"):  # at the end of a row nothing else tells
        cuts.add(content.rfind(b"\n", 0, int(share * len(content))) + 1)
    for cut in cuts:
        (run / name).write_bytes(content[:cut])
        read = READERS.get(name, lambda one: one.config)
        refused(lambda read=read: read(Run(run)), Path(name).name.replace(".", r"\."))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"finished": "now"}', '{"files": {}}', '"now"'])
def test_what_says_that_a_run_is_finished_is_read(content: str, tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", "senet", patients=12)
    (run / NAME).write_text(content)
    told = r"finished\.json: .*; remove it, and finish the run with train\.resume="
    refused(lambda: Run(run).config, told)
    with pytest.raises(UserError, match=told):
        find_runs([run])


def test_a_run_that_is_not_finished_may_change(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", "senet", patients=12)
    (run / NAME).unlink()
    table = (run / "predictions.csv").read_text()
    (run / "predictions.csv").write_text(table.rstrip() + "\n\n")
    assert len(Run(run).predictions)
    mark_finished(run)
    assert Run(run).finished
    assert len(Run(run).predictions)


def _use(folder: Path) -> None:
    """Read of a sweep what grading and a comparison of its members read."""
    run = open_run(folder)
    for member in run.members:
        for read in READERS.values():
            read(member)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in ("config.yaml", "predictions.csv", NAME)))
        for name in (*(name for name in FILES if name != "scale.json"), NAME)
    ],
)
def test_a_file_of_another_fold_is_refused(name: str, folds: Path, tmp_path: Path) -> None:
    jobs = [copied(job, tmp_path / job.name) for job in sorted(folds.glob("[012]_*"))]
    first, second = ((job / name).read_bytes() for job in jobs[:2])
    (jobs[0] / name).write_bytes(second)
    (jobs[1] / name).write_bytes(first)
    with pytest.raises(UserError) as error:
        _use(tmp_path)
    assert str(jobs[0]) in str(error.value)
