import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_an_epoch_is_timed_against_the_bare_loop(
    script, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told.json"
    words = ["--device", "cpu", "--size", "32", "--batch", "2", "--steps", "3", "--rounds", "1"]
    words += ["--epochs", "1", "--manifest", manifest, "--json", told]
    monkeypatch.setenv("LIVERGRADE_CACHE", str(tmp_path / "cache"))
    printed = script("training", *words)
    found = json.loads(told.read_text())
    assert found["setting"]["steps"] == 3
    loops = found["loops"]
    assert set(loops) == {"bare loop", "livergrade, whole epoch", "livergrade, its steps alone"}
    assert all(f"| {name} |" in printed for name in loops)
    assert loops["bare loop"]["ratio"] == 1
    whole, steps = (
        loops[f"livergrade, {what}"]["images_per_second"] for what in ("whole epoch", "its steps alone")
    )
    assert 0 < whole < steps


def test_more_steps_than_the_cohort_has_views_are_refused(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.setenv("LIVERGRADE_CACHE", str(tmp_path))
    training = importlib.import_module("training")
    setting = training.Setting(size=32, batch=128, steps=100, manifest=str(manifest))
    with pytest.raises(SystemExit, match=r"--steps 100: \d+ images give at most \d batches of 128"):
        setting.data(setting.config(1))
