"""A finished run is taken over only if it would be the same today."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort
from livergrade.data.kinds import read_cohort
from livergrade.errors import UserError
from livergrade.io.files import write_json
from livergrade.io.json_files import read_json
from livergrade.multirun.same_data import refuse_changed_images, refuse_other_data
from livergrade.runs.folder import read_options, save_config
from livergrade.runs.run import Run
from tests.conftest import draw_image, telling

Case = tuple[Path, TrainConfig]


@pytest.fixture
def case(tiny_run: Path, manifest: Path, tmp_path: Path) -> Case:
    """A finished run, and its options with a copy of its cohort."""
    shutil.copytree(manifest.parent, tmp_path / "cohort")
    for name in ("config.yaml", "split.csv", "predictions.csv", "environment.json"):
        (tmp_path / "run").mkdir(exist_ok=True)
        shutil.copy(tiny_run / name, tmp_path / "run")
    config = read_options(tmp_path / "run")
    config.data.manifest = str(tmp_path / "cohort" / "cohort.csv")
    config.data.cache_dir = str(tmp_path / "cache")
    return tmp_path / "run", config


def edit(config: TrainConfig, make: Callable[[pd.DataFrame], object]) -> None:
    assert config.data.manifest
    table = pd.read_csv(config.data.manifest, dtype=str)
    make(table)
    table.to_csv(config.data.manifest, index=False)


def regrade(config: TrainConfig) -> None:
    edit(config, lambda table: table.update(pd.DataFrame({"grade": ["well", "well"]})))


def rename(config: TrainConfig) -> None:
    edit(config, lambda table: table.update(pd.DataFrame({"patient": ["P99", "P99"]})))


def complete(config: TrainConfig) -> None:
    edit(config, lambda table: table.update(pd.DataFrame({"sex": ["X"] * len(table)})))


def add_column(config: TrainConfig) -> None:
    edit(config, lambda table: table.insert(4, "age", "61"))


def shorten(config: TrainConfig) -> None:
    edit(config, lambda table: table.drop(index=0, inplace=True))


def replace(config: TrainConfig) -> None:
    assert config.data.manifest
    draw_image(Path(config.data.manifest).parent / "poor" / "P00_0.png", 77, 0)


def resplit(config: TrainConfig) -> None:
    assert config.data.manifest
    folder = Path(config.data.manifest).parent
    table = pd.read_csv(folder.parent / "run" / "split.csv", dtype=str)
    swapped = {"train": "test", "test": "train"}
    table["split"] = table["split"].replace(swapped)
    table.to_csv(folder / "split.csv", index=False)
    config.data.split_file = str(folder / "split.csv")


@pytest.mark.parametrize(
    ("change", "told"),
    telling(
        [
            (regrade, r"2 images differ: poor/P00_0\.png \(grade poor there, well here"),
            (rename, r"poor/P00_0\.png \(patient P00 there, P99 here"),
            (complete, r"\(sex [FM] there, X here\)"),
            (add_column, "further columns of the manifest: sex there, sex, age here"),
            (shorten, r"poor/P00_0\.png \(only there\)"),
            (replace, r"1 image differs: poor/P00_0\.png \(sha256 \w+…\w+ there, \w+…\w+ here\)"),
            (resplit, r"\(split \w+ there, \w+ here\)"),
        ],
        fast=(0, 2, 6),
    ),
)
def test_other_data_is_refused_with_both_values(
    case: Case, change: Callable[[TrainConfig], None], told: str
) -> None:
    run, config = case
    refuse_other_data(run, config, fix="restore it")
    change(config)
    with pytest.raises(
        UserError, match=f"{run}: is finished, and was made from other data; restore it:"
    ) as error:
        refuse_other_data(run, config, fix="restore it")
    assert re.search(told, str(error.value)), error.value


def test_the_weights_that_training_began_with_count_by_their_bytes(
    case: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, config = case
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"1")
    config.model.weights = str(weights)
    refuse_other_data(run, config, fix="restore it")
    assert "does not record what" in caplog.text
    facts = read_json(run / "environment.json", dict[str, object])
    one = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    write_json(facts | {"weights_sha256": one}, run / "environment.json")
    refuse_other_data(run, config, fix="restore it")
    weights.write_bytes(b"2")
    with pytest.raises(UserError, match=r"weights\.pt: SHA-256 6b86b273…b7875b4b there, d4735e3a"):
        refuse_other_data(run, config, fix="restore it")
    weights.unlink()
    with pytest.raises(UserError, match=r"weights\.pt can't be read"):
        refuse_other_data(run, config, fix="restore it")


def cohort_now(run: Run) -> Cohort:
    return read_cohort(run.config.data, outside=False, run=run.folder)


def test_a_test_image_that_was_replaced_is_not_the_one_that_was_tested(case: Case) -> None:
    folder, config = case
    save_config(folder, config)
    run = Run(folder)
    first, second = sorted(set(run.tested["image"]))[:2]
    refuse_changed_images(run, cohort_now(run), [first, second], fix="restore them")
    assert config.data.manifest
    draw_image(Path(config.data.manifest).parent / first, 77, 0)
    refuse_changed_images(run, cohort_now(run), [second], fix="restore them")
    with pytest.raises(UserError, match=rf"are now; restore them:\n  1 image differs: {first} \(sha256 "):
        refuse_changed_images(run, cohort_now(run), [first, second], fix="restore them")


def test_sizes_of_pixels_that_were_corrected_are_refused_with_both_scales(case: Case) -> None:
    run, config = case
    scale = {"images": 12, "low": 20.0, "median": 20.0, "high": 20.0, "network_um": 0.625}
    write_json(scale, run / "scale.json")
    config.data.mpp = 0.5
    refuse_other_data(run, config, fix="restore it")
    config.data.mpp = 0.25
    with pytest.raises(UserError, match=r"scale: Scale: .* 20 µm .* there, Scale: .* 10 µm .* here"):
        refuse_other_data(run, config, fix="restore it")
