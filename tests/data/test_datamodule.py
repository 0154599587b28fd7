"""Batches of views, from a cohort and its split."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from livergrade.config.schema import AugmentConfig, DataConfig, SplitConfig
from livergrade.data.cohort import from_manifest
from livergrade.data.datamodule import GradingData
from livergrade.data.split import make_split
from livergrade.models.architecture import IMAGENET
from tests.conftest import GRADES
from tests.pretended_card import MEMORY, pretended_card


def grading_data(
    manifest: Path, folder: Path, *, workers: int = 0, batch: int = 4, cache: str = "auto", **augment: object
) -> GradingData:
    cohort = from_manifest(manifest, list(GRADES))
    split = make_split(cohort, SplitConfig(test_fraction=0.25, val_fraction=0.34, seed=0))
    options = DataConfig(image_size=32, batch_size=batch, workers=workers, cache=cache)
    data = GradingData(cohort, split, options, AugmentConfig(**augment), folder, 0, IMAGENET)  # type: ignore[arg-type]
    data.prepare_data()
    data.setup("fit")
    return data


def test_an_epoch_is_the_same_for_any_batch_size_and_workers(manifest: Path, tmp_path: Path) -> None:
    seen = []
    for workers, batch in ((0, 4), (2, 3)):
        loader = grading_data(manifest, tmp_path, workers=workers, batch=batch).train_dataloader()
        loader.batch_sampler.sampler.set_epoch(4)
        batches = list(loader)
        seen.append({name: torch.cat([part[name] for part in batches]) for name in batches[0]})
    assert all(torch.equal(seen[0][name], seen[1][name]) for name in seen[0])


def test_a_batch_of_views(manifest: Path, tmp_path: Path) -> None:
    data = grading_data(manifest, tmp_path, test_views="all", border="crop")
    loader = data.test_dataloader()[data.test_splits.index("test")]
    batch = data.on_after_batch_transfer(next(iter(loader)), 0)
    assert batch["view"].shape == (4, 3, 32, 32)
    assert batch["view"].dtype == torch.float32
    assert batch["degrees"].tolist() == [0, 10, 20, 30]
    row = int(batch["row"][0])
    assert list(GRADES)[int(batch["grade"][0])] == data.cohort.table["grade"][row]
    assert data.split["split"][row] == "test"


def test_rotation_is_after_the_split(manifest: Path, tmp_path: Path) -> None:
    """No view of a patient is on two sides, whatever the options."""
    data = grading_data(manifest, tmp_path, train_views="all", val_views="all", test_views="all")
    loaders = {"train": data.train_dataloader(), "val": data.val_dataloader()}
    loaders |= dict(zip(data.test_splits, data.test_dataloader(), strict=True))
    patients = {}
    for side, loader in loaders.items():
        rows = torch.cat([batch["row"] for batch in loader]).unique().numpy()
        patients[side] = set(data.cohort.table["patient"].iloc[rows])
    assert not patients["train"] & patients["test"]
    assert not patients["train"] & patients["val"]
    assert not patients["val"] & patients["test"]
    assert set().union(*patients.values()) == set(data.cohort.table["patient"])


def test_a_single_left_over_view_is_dropped_in_training(manifest: Path, tmp_path: Path) -> None:
    data = grading_data(manifest, tmp_path)
    train = int((data.split["split"] == "train").sum())
    data.data.batch_size = train - 1
    sizes = [len(batch["row"]) for batch in data.train_dataloader()]
    assert sizes == [train - 1]


def test_without_validation_there_is_no_loader(manifest: Path, tmp_path: Path) -> None:
    data = grading_data(manifest, tmp_path)
    data.split = data.split.replace({"split": {"val": "train"}})
    data = GradingData(data.cohort, pd.DataFrame(data.split), data.data, data.augment, tmp_path, 0, IMAGENET)
    assert data.test_splits == ["test"]
    assert data.val_dataloader() == []


def shown(data: GradingData, epochs: int) -> dict[str, list[tuple[float, ...]]]:
    """Every view of so many epochs of training, then of validation and test, in the order they come."""
    passes = {"val": list(data.val_dataloader().batch_sampler.sampler)}
    passes |= {
        f"test{n}": list(loader.batch_sampler.sampler) for n, loader in enumerate(data.test_dataloader())
    }
    for epoch in range(epochs):
        plan = data.train_dataloader().batch_sampler.sampler
        plan.set_epoch(epoch)
        passes[f"epoch{epoch}"] = list(plan)
    return passes


@pytest.mark.parametrize("stain", [0.0, 0.1])
def test_the_views_of_a_run_are_known_ahead(manifest: Path, tmp_path: Path, stain: float) -> None:
    data = grading_data(manifest, tmp_path, step_degrees=90, train_views="2", flip=True, stain=stain)
    keys = data.views_of_a_run(5)
    everything = [key for keys in shown(data, 5).values() for key in keys]
    assert len(keys) == len(set(keys)) == len(set(everything))
    assert set(keys) == set(everything)
    if (
        not stain
    ):  # two of four angles, mirrored or not: of 10 views an image shows in 5 epochs, 8 differ at most
        assert len(keys) < 0.9 * len(everything)


def test_each_view_is_embedded_once_and_shown_as_such(manifest: Path, tmp_path: Path) -> None:
    data = grading_data(manifest, tmp_path, step_degrees=90, train_views="2", flip=True, stain=0.0, batch=5)
    keys = data.views_of_a_run(3)
    counted = []

    def embedded(views: torch.Tensor) -> torch.Tensor:
        counted.append(len(views))
        return views.mean((2, 3)) + views[:, :, 0, 0]

    expected = {}
    for batch, start in zip(data._loader(keys), range(0, len(keys), 5), strict=True):
        made = embedded(data.on_after_batch_transfer(batch, 0)["view"])
        expected |= dict(zip(keys[start : start + 5], made, strict=True))
    counted.clear()
    data.embed(keys, embedded, torch.device("cpu"))
    assert sum(counted) == len(keys)
    loader = data.train_dataloader()
    loader.batch_sampler.sampler.set_epoch(2)
    order = list(loader.batch_sampler.sampler)
    batches = [data.on_after_batch_transfer(batch, 0) for batch in loader]
    assert "view" not in batches[0]
    torch.testing.assert_close(
        torch.cat([batch["embedding"] for batch in batches]), torch.stack([expected[key] for key in order])
    )
    assert torch.cat([batch["row"] for batch in batches]).tolist() == [key[0] for key in order]
    assert torch.cat([batch["degrees"] for batch in batches]).tolist() == [90 * key[1] for key in order]


@pytest.mark.parametrize("cache", ["ram", "device", "none"])
def test_every_cache_shows_the_same_views(manifest: Path, tmp_path: Path, cache: str) -> None:
    shown = []
    for kind in ("disk", cache):
        data = grading_data(manifest, tmp_path, cache=kind)
        loader = data.train_dataloader()
        shown.append(torch.cat([data.on_after_batch_transfer(batch, 0)["view"] for batch in loader]))
        assert ("image" in next(iter(loader))) == (kind != "device")
    assert torch.equal(*shown)


def test_images_go_to_a_gpu_where_they_take_little_of_this_runs_share(manifest: Path, tmp_path: Path) -> None:
    data, cuda = grading_data(manifest, tmp_path), torch.device("cuda")
    with pretended_card():
        most = MEMORY // 4
        assert data._store_on_device(cuda, most - 1)
        assert not data._store_on_device(cuda, most)
        data.gpu_share = 0.1
        assert data._store_on_device(cuda, most // 10 - 1)
        assert not data._store_on_device(cuda, most // 10 + 1)
    assert not data._store_on_device(torch.device("cpu"), 1)
