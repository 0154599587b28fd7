"""Files that appear whole or not at all."""

import json
from pathlib import Path

import pytest

from livergrade.evaluation.summary import evaluate
from livergrade.io.files import atomic_write, write_json
from tests.evaluation.simulated import predict


def test_a_file_appears_whole(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.csv") as part:
        part.write_text("whole")
        assert not (tmp_path / "a.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(RuntimeError), atomic_write(tmp_path / "a.csv") as part:
        part.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.csv").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_json_is_strict_and_leaves_nothing_behind(tmp_path):
    found = evaluate(predict([0, 0, 1, 1]), None, resamples=20)
    write_json(found, tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text()) == found
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    with pytest.raises(ValueError, match="JSON"):
        write_json({"value": float("nan")}, tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text()) == found
