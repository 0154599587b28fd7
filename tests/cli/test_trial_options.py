"""Options of a search are checked as those of a run."""

from pathlib import Path

import pytest

from livergrade.cli.make_config import make_config
from livergrade.cli.trial_options import check_trials
from livergrade.errors import UserError
from livergrade.multirun.study import read_space
from tests.conftest import command


@pytest.mark.slow
def test_a_value_that_needs_another_one_is_right() -> None:
    check_trials(*read_space(["model=senet,cbam", "model.kernel_size=7,3"]))
    with pytest.raises(UserError, match=r"model\.kernel_size=4: must be odd"):
        check_trials(*read_space(["model=cbam,senet", "model.kernel_size=7,4"]))


def test_groups_of_ones_own_are_searched_and_given_to_the_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 7\n")
    pytest.importorskip("optuna")
    seen: list[list[str]] = []

    def stop(out: Path, config: object, fixed: list[str], searched: object) -> None:
        seen.append(fixed)
        raise UserError("enough")

    monkeypatch.setattr("livergrade.multirun.search.search", stop)
    with pytest.raises(SystemExit):
        command("tune", "-cd", str(tmp_path), "experiment=mine", "optim.lr=0.1,0.2", outputs=tmp_path)
    assert seen == [[f"hydra.searchpath=['file://{tmp_path}']", "experiment=mine"]]
    assert make_config(*seen[0]).seed == 7
