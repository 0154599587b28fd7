"""A finished run, read back from its folder."""

from pathlib import Path

from livergrade.runs.find import find_runs
from livergrade.runs.folder import read_options
from tests.conftest import finished_run


def test_options_come_back(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run", "cbam", seed=4, options={"optim.lr": 0.5})
    config = read_options(folder)
    assert (config.model.name, config.seed, config.optim.lr) == ("cbam", 4, 0.5)
    run = find_runs([folder])[0][0]
    assert run.settings["optim.lr"] == 0.5
    assert "seed" not in run.settings
    assert set(run.tested["split"]) == {"test"}
