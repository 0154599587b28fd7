"""A sweep's folder as one network, or why it is none."""

import shutil
from pathlib import Path

import pytest
import yaml

from livergrade.errors import UserError
from livergrade.evaluation.cross_fit import ensemble_temperature, out_of_fold
from livergrade.evaluation.uncertainty import fit_calibration
from livergrade.multirun.ensemble import OUT_OF_FOLD, Ensemble, open_run
from tests.conftest import GRADES, as_own, finished_run

pytestmark = pytest.mark.usefixtures("undrawn")


def of_seed(tiny_run: Path, folder: Path, seed: int, **options: object) -> Path:
    """The run with another seed in its options, as a job of a sweep."""
    job = folder / f"{seed}_seed-{seed}"
    shutil.copytree(tiny_run, job)
    config = yaml.safe_load((job / "config.yaml").read_text("utf-8"))
    config["seed"] = seed
    for key, value in options.items():
        group, name = key.split("__")
        config[group][name] = value
    (job / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    return as_own(job)


def test_folds_know_every_patient_and_are_fitted_on_all_of_them(folds: Path) -> None:
    run = open_run(folds)
    assert isinstance(run, Ensemble)
    assert [member.config.split.fold for member in run.members] == [0, 1, 2]
    assert set(run.split["split"]) == {"train"}  # every image was trained on by a member
    assert run.tested["patient"].nunique() == run.calibration["patients"] == 12
    assert run.calibration["fitted_on"] == OUT_OF_FOLD
    assert run.calibration["scores"]
    assert len(run.calibration["scores"]["patient"]) == 12
    tables = [member.predictions for member in run.members]
    two = fit_calibration(out_of_fold(tables, ["val", "test"]))
    one = fit_calibration(out_of_fold(tables, ["test"]).assign(split="val"))
    assert run.calibration["scores"] == two["scores"]
    if one["temperature"] and two["temperature"]:
        expected = ensemble_temperature(one["temperature"], two["temperature"], 3)
        assert run.calibration["temperature"] == expected
    assert run.appearance
    assert run.appearance["scores"]
    assert len(run.appearance["scores"]) == 12
    by_fold = run.tested.groupby("fold")["patient"].nunique()
    assert by_fold.sum() == 12
    run.require_measured()
    assert run.metrics["counts"]["patients"] == 12
    assert run.metrics["leakage"]["leaking"] is False
    assert run.metrics["conformal"]["calibration_patients"] == 12
    assert run.environment["parameters"] == 3 * run.members[0].environment["parameters"]


def test_seeds_of_one_split_test_and_validate_the_same_patients(tiny_run: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        of_seed(tiny_run, tmp_path, seed)
    run, single = open_run(tmp_path), open_run(tiny_run)
    assert isinstance(run, Ensemble)
    assert "fold" not in run.predictions
    assert run.split.equals(single.split)
    assert run.scale == single.scale
    before, now = (
        one.predictions.sort_values(["split", "image", "angle"], ignore_index=True) for one in (single, run)
    )
    assert now["predicted"].equals(before["predicted"])  # two networks that are alike
    for grade in GRADES:
        assert now[f"p_{grade}"].tolist() == pytest.approx(before[f"p_{grade}"].tolist(), abs=1e-7)
    assert single.appearance
    assert run.appearance
    assert run.appearance["whitening"] == single.appearance["whitening"]
    unseen = single.predictions["split"].isin(["val", "test"])
    assert run.calibration["patients"] == single.predictions["patient"][unseen].nunique()


def test_a_run_and_a_sweep_of_one_are_runs(tiny_run: Path, tmp_path: Path) -> None:
    assert open_run(tiny_run).members[0].folder == tiny_run
    job = of_seed(tiny_run, tmp_path, 0)
    assert open_run(tmp_path).folder == job
    with pytest.raises(UserError, match=r"network=senet: .* is not the folder of a sweep"):
        open_run(tiny_run, "senet")


def test_no_run_says_what_a_run_said() -> None:
    with pytest.raises(UserError, match=r"is not a run \(no config.yaml there\)"):
        open_run("/nowhere").require_trained()


def test_several_models_are_refused_with_what_may_be_typed(tmp_path: Path) -> None:
    for model in ("senet", "cbam"):
        for fold in (0, 1):
            finished_run(tmp_path / f"{fold}_{model}", model, kind="kfold", fold=fold)
    with pytest.raises(UserError) as told:
        open_run(tmp_path)
    assert str(told.value).startswith(
        f"{tmp_path}: holds 2 models; add one of network=cbam or network=senet, or name the folder of one "
        f"run, as run={tmp_path}"
    )
    chosen = open_run(tmp_path, "cbam")
    assert {run.model for run in chosen.members} == {"cbam"}
    with pytest.raises(UserError, match="holds no model vgg16; add one of"):
        open_run(tmp_path, "vgg16")


def test_names_with_options_are_typed_in_quotes(tmp_path: Path) -> None:
    for seed, lr in ((0, 0.1), (1, 0.2)):
        finished_run(tmp_path / f"{seed}", "senet", seed=seed, options={"optim.lr": lr})
    with pytest.raises(UserError, match=r"""'network="senet, optim\.lr=0\.1"' or """):
        open_run(tmp_path)


def test_a_fold_that_is_missing_or_not_finished_is_named(folds: Path, tmp_path: Path) -> None:
    shutil.copytree(folds, tmp_path / "sweep")
    job = next((tmp_path / "sweep").glob("1_*"))
    (job / "finished.json").unlink()
    with pytest.raises(UserError, match=r"fold 1 of the same seed is missing"):
        open_run(tmp_path / "sweep")
    for seed in (0, 1):
        finished_run(tmp_path / "seeds" / f"{seed}", "senet", seed=seed, split_seed=0)
    (tmp_path / "seeds" / "1" / "finished.json").unlink()
    with pytest.raises(UserError, match=r"not all of its runs can form one ensemble.*\n  .*1: not finished"):
        open_run(tmp_path / "seeds")


def test_members_of_other_splits_labels_or_of_a_leaking_split_are_refused(tmp_path: Path) -> None:
    for seed in (0, 1):
        finished_run(tmp_path / "splits" / f"{seed}", "senet", seed=seed)
        finished_run(tmp_path / "leaking" / f"{seed}", "senet", seed=seed, kind="image")
        finished_run(tmp_path / "labels" / f"{seed}", "senet", seed=seed, split_seed=0, patients=30 + seed)
    with pytest.raises(UserError, match=r"can't form one ensemble; name one run:\n  .*1: has another split"):
        open_run(tmp_path / "splits")
    with pytest.raises(UserError, match="its runs are split by image"):
        open_run(tmp_path / "leaking")
    with pytest.raises(UserError, match="not of the same data"):
        open_run(tmp_path / "labels")
