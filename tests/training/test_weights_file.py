"""The file that training began with is known by its bytes."""

from pathlib import Path

import pytest

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.io.files import write_json
from livergrade.training.weights_file import weights_file_facts


def test_only_a_file_is_recorded(tmp_path: Path) -> None:
    config = TrainConfig()
    for config.model.weights in (None, "imagenet"):
        assert weights_file_facts(config, tmp_path) == {}
    (tmp_path / "w.pt").write_bytes(b"1")
    config.model.weights = str(tmp_path / "w.pt")
    assert weights_file_facts(config, tmp_path)["weights_sha256"].startswith("6b86b273")


def test_a_resumed_run_keeps_the_first_and_a_frozen_one_refuses_another(tmp_path: Path) -> None:
    config = TrainConfig()
    config.model.weights, config.train.resume = str(tmp_path / "w.pt"), str(tmp_path)
    (tmp_path / "w.pt").write_bytes(b"1")
    write_json({}, tmp_path / "environment.json")
    assert weights_file_facts(config, tmp_path) == {}
    config.model.frozen = True
    write_json(weights_file_facts(config, tmp_path), tmp_path / "environment.json")
    (tmp_path / "w.pt").write_bytes(b"2")
    with pytest.raises(UserError, match=r"frozen network began with \(SHA-256 6b86b273…b7875b4b there, d473"):
        weights_file_facts(config, tmp_path)
    config.model.frozen = False
    assert weights_file_facts(config, tmp_path)["weights_sha256"].startswith("6b86b273")
