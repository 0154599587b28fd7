"""Which networks were trained on the images that are explained."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from livergrade.explanations.explained import Chosen
from livergrade.explanations.seen_images import SeenImage, seen_images
from livergrade.io.kept import file_sha256


def member(parts: dict[Path, str], *, fold: int = 0, seed: int = 0, name: str = "kfold") -> Any:
    split = pd.DataFrame({"sha256": [file_sha256(path) for path in parts], "split": list(parts.values())})
    return SimpleNamespace(
        split=split, config=SimpleNamespace(seed=seed, split=SimpleNamespace(name=name, fold=fold))
    )


def test_each_image_names_the_folds_that_know_it_and_new_ones_are_left_out(tmp_path: Path) -> None:
    first, second, new = (tmp_path / f"{name}.png" for name in ("first", "second", "new"))
    for path in (first, second, new):
        path.write_text(path.name)
    folds = [
        member({first: "test", second: "train"}, fold=0),
        member({first: "train", second: "test"}, fold=1),
        member({first: "train", second: "val"}, fold=2),
    ]
    run: Any = SimpleNamespace(members=folds)
    images = [Chosen(path, path.stem) for path in (first, new, second)]
    assert seen_images(run, images) == [
        SeenImage("first", "fold 1, fold 2", "", "fold 0"),
        SeenImage("second", "fold 0", "fold 2", "fold 1"),
    ]


def test_test_images_of_seeds_are_new_and_a_named_training_image_is_not(tmp_path: Path) -> None:
    tested, trained = tmp_path / "tested.png", tmp_path / "trained.png"
    for path in (tested, trained):
        path.write_text(path.name)
    seeds = [member({tested: "test", trained: "train"}, seed=seed, name="patient") for seed in (0, 1)]
    run: Any = SimpleNamespace(members=seeds)
    copy = tmp_path / "other_name.png"
    copy.write_bytes(trained.read_bytes())
    assert seen_images(run, [Chosen(tested, "tested")]) == []
    assert seen_images(run, [Chosen(copy, "copy")]) == [SeenImage("copy", "seed 0, seed 1", "", "")]
    single: Any = SimpleNamespace(members=seeds[:1])
    assert seen_images(single, [Chosen(copy, "copy")])[0].trained == "the network"
