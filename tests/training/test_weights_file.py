"""The file that training began with is known by its bytes."""

from pathlib import Path

import pytest

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.training.weights_file import weights_file_facts


def test_only_a_file_is_recorded(tmp_path: Path) -> None:
    config = TrainConfig()
    for config.model.weights in (None, "imagenet"):
        assert weights_file_facts(config, None) == {}
    (tmp_path / "w.pt").write_bytes(b"1")
    config.model.weights = str(tmp_path / "w.pt")
    assert weights_file_facts(config, None)["weights_sha256"].startswith("6b86b273")


def test_a_resumed_run_keeps_the_first_and_a_frozen_one_refuses_another(tmp_path: Path) -> None:
    config = TrainConfig()
    config.model.weights = str(tmp_path / "w.pt")
    (tmp_path / "w.pt").write_bytes(b"1")
    assert weights_file_facts(config, {}) == {}  # it is not known what an earlier start began with
    config.model.frozen = True
    first = weights_file_facts(config, {})
    (tmp_path / "w.pt").write_bytes(b"2")
    with pytest.raises(UserError, match=r"frozen network began with \(SHA-256 6b86b273…b7875b4b there, d473"):
        weights_file_facts(config, first)
    config.model.frozen = False
    assert weights_file_facts(config, first)["weights_sha256"].startswith("6b86b273")
