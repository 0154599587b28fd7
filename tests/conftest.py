"""A tiny cohort on disk, and a way to run the command in this process."""

import os
import sys

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as the commands do, before torch is imported

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

GRADES = ("poor", "moderate", "well")


def draw_image(path: Path, seed: int, grade: int, size: tuple[int, int] = (44, 40)) -> None:
    """A picture whose darkness and grain tell its grade."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(90 + 60 * grade, 12 + 10 * grade, (size[1], size[0], 3)).clip(0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def write_cohort(folder: Path, patients: int = 4, images: int = 2) -> Path:
    """``patients`` of each grade with so many images; returns the manifest."""
    rows = []
    for code, grade in enumerate(GRADES):
        for patient in range(patients):
            for number in range(images):
                image = f"{grade}/{grade[0].upper()}{patient:02d}_{number}.png"
                draw_image(folder / image, 1000 * code + 10 * patient + number, code)
                rows.append((image, f"{grade[0].upper()}{patient:02d}", grade, "F" if patient % 2 else "M"))
    manifest = folder / "cohort.csv"
    pd.DataFrame(rows, columns=["image", "patient", "grade", "sex"]).to_csv(manifest, index=False)
    return manifest


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of a cohort of 12 patients and 24 images."""
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="session")
def small(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that make a run on that cohort a matter of seconds."""
    return [
        "data=manifest",
        f"data.manifest={manifest}",
        f"data.cache_dir={tmp_path_factory.mktemp('cache')}",
        "data.image_size=64",
        "data.batch_size=6",
        "split.test_fraction=0.25",
        "split.val_fraction=0.34",
        "optim=sgd",
        "optim.lr=0.01",
        "augment.test_views=2",
        "trainer.accelerator=cpu",
        "trainer.max_epochs=1",
        "trainer.progress=false",
    ]


def train(*words: str, outputs: Path) -> None:
    """``python -m livergrade.train`` in this process."""
    from hydra.core.global_hydra import GlobalHydra

    from livergrade.train import main

    GlobalHydra.instance().clear()
    argv, before = sys.argv, os.environ.get("LIVERGRADE_OUTPUTS")
    sys.argv = ["train.py", *words]
    os.environ["LIVERGRADE_OUTPUTS"] = str(outputs)
    try:
        main()
    finally:
        sys.argv = argv
        os.environ.pop("LIVERGRADE_OUTPUTS")
        if before is not None:
            os.environ["LIVERGRADE_OUTPUTS"] = before


@pytest.fixture
def run(tmp_path: Path, small: list[str]) -> Callable[..., Path]:
    """Run the command with the small options and more; returns the run folder."""

    def start(*words: str, model: str = "resnet50") -> Path:
        folder = tmp_path / "run"
        train(f"model={model}", *small, f"hydra.run.dir={folder}", *words, outputs=tmp_path)
        return folder

    return start


@pytest.fixture(scope="session")
def sweep(small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five-model sweep, run once."""
    folder = tmp_path_factory.mktemp("sweep")
    train(
        "-m",
        "model=vgg16,resnet50,cbam,senet,sknet",
        *small,
        "trainer.limit_batches=2",
        f"hydra.sweep.dir={folder}",
        outputs=folder,
    )
    return folder
