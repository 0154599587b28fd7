"""Runs by their number of training patients, and the number at which models are compared."""

from pathlib import Path

from livergrade.multirun.grouping import arms
from livergrade.multirun.train_sizes import by_size, compared_size
from livergrade.runs.find import find_runs
from tests.conftest import finished_run


def runs_of(folder: Path, model: str, *sizes: int | None) -> None:
    for size in sizes:
        options = {} if size is None else {"split.train_patients": size}
        finished_run(folder / f"{model}{size}", model, options=options)


def test_sizes_are_one_model_and_compared_at_the_largest_common_one(tmp_path: Path) -> None:
    runs_of(tmp_path, "senet", 6, 12, None)
    runs_of(tmp_path, "cbam", 12, 6)
    runs = find_runs([tmp_path])[0]
    assert list(by_size(runs)) == [6, 12, None]
    (arm,), left_out = arms(runs)
    assert left_out == []
    assert {run.config.split.train_patients for run in arm.runs} == {12}
    assert {name: list(sizes) for name, sizes in arm.sizes.items()} == {
        "cbam": [6, 12],
        "senet": [6, 12, None],
    }


def test_a_model_without_the_compared_size_is_left_out(tmp_path: Path) -> None:
    runs_of(tmp_path, "senet", None)
    runs_of(tmp_path, "cbam", 6)
    (arm,), left_out = arms(find_runs([tmp_path])[0])
    assert list(arm.models) == ["senet"]
    assert left_out == ["cbam: was not trained on all patients, at which models are compared"]
    assert arm.sizes == {}


def test_no_run() -> None:
    assert compared_size({}) == (None, [])
