"""Checks before a long run."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from livergrade.config.schema import SplitConfig
from livergrade.data.cohort import from_manifest
from livergrade.data.split import make_split
from tests.conftest import GRADES, TINY, command, telling, write_cohort


def check(*words: str, out: Path) -> dict[str, dict[str, str]]:
    """What each check said, by its name."""
    command("check", *words, outputs=out)
    return read(out)


def read(out: Path) -> dict[str, dict[str, str]]:
    (written,) = (out / "checks").glob("*/check.json")
    return {finding["what"]: finding for finding in json.loads(written.read_text())["findings"]}


def test_a_sound_cohort_passes(small: list[str], tmp_path: Path) -> None:
    found = check(*small, "data.image_size=32", out=tmp_path)
    passing = {what for what, finding in found.items() if finding["level"] == "PASS"}
    assert {"cohort", "images", "leakage", "sizes", "near duplicates across patients"} <= passing
    assert found["cohort"]["message"] == "24 images of 12 patients"
    assert found["sizes"]["message"] == "24 of 44 × 40 px"
    assert found["scale"]["message"].startswith("not known; give the column mpp")
    assert found["colour profiles"]["message"] == "all images are sRGB or carry no colour profile"
    assert not any(finding["level"] == "FAIL" for finding in found.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["model.backbone=nope"], "timm .* has no such network"),
        (["model.backbone=vit_tiny_patch16_224", "data.image_size=33"], "data.image_size=33: vit_tiny"),
    ],
)
def test_a_network_that_can_not_be_used_does_not_hide_the_other_checks(
    words: list[str], told: str, small: list[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit):
        check(*small, "model=timm", "data.image_size=32", *words, out=tmp_path)
    found = read(tmp_path)
    assert (found["network"]["level"], found["cohort"]["level"]) == ("FAIL", "PASS")
    assert re.search(told, found["network"]["message"])


@pytest.mark.slow
def test_what_is_odd_is_a_warning_with_a_fix(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "cohort", patients=8)
    table = pd.read_csv(manifest)
    names = [tmp_path / "cohort" / image for image in table["image"]]
    rng = np.random.default_rng(0)
    for path in names:
        tissue = rng.integers(60, 200, (320, 320, 3)).astype(np.uint8)
        tissue[..., 1] //= 2
        Image.fromarray(tissue).save(path)
    with Image.open(names[0]) as first:
        turned = first.transpose(Image.Transpose.ROTATE_90)
        turned.save(names[9].with_suffix(".jpg"), quality=80)  # another patient's, turned and compressed
    table.loc[9, "image"] = str(Path(table["image"][9]).with_suffix(".jpg"))
    Image.new("RGB", (320, 320), "white").save(names[20])
    Image.fromarray(rng.integers(60, 200, (320, 320)).astype(np.uint8)).save(names[21])
    Image.new("RGB", (320, 320), (160, 80, 160)).save(names[22])
    table.to_csv(manifest, index=False)
    found = check(
        "data=manifest", f"data.manifest={manifest}", f"data.cache_dir={tmp_path / 'cache'}", "split=image",
        out=tmp_path / "out",
    )  # fmt: skip
    for what, told in (
        ("leakage", "share a patient"),
        ("test patients", ""),
        ("colour modes", "1 of mode L"),
        ("blank images", table["image"][20]),
        ("blurred images", table["image"][22]),
        ("stain outliers", table["image"][20]),
        ("near duplicates across patients", f"{table['image'][0]} (P00, poor, "),
        ("near duplicates across patients", f" and {table['image'][9]} (P04, poor, "),
    ):
        assert found[what]["level"] == "WARN", what
        assert told in found[what]["message"], found[what]
        assert found[what]["fix"], what
    split = make_split(from_manifest(manifest, list(GRADES)), SplitConfig(name="image", seed=0)).set_index(
        "image"
    )
    apart = split["split"][table["image"][0]] != split["split"][table["image"][9]]
    told = found["near duplicates across patients"]["message"]
    assert f"({int(apart)} of 1 in different splits)" in told
    (written,) = (tmp_path / "out" / "checks").glob("*/near_duplicates.csv")
    assert pd.read_csv(written)["image_2"].tolist() == [table["image"][9]]


def test_what_can_not_be_used_fails_and_the_rest_is_checked(tmp_path: Path, capfd) -> None:
    manifest = write_cohort(tmp_path)
    (tmp_path / "poor" / "P00_0.png").write_bytes(b"")
    (tmp_path / "odd.pth").write_bytes(b"no weights")
    with pytest.raises(SystemExit) as end:
        command(
            "check", "data=manifest", f"data.manifest={manifest}", f"model.weights={tmp_path / 'odd.pth'}",
            outputs=tmp_path / "out",
        )  # fmt: skip
    assert end.value.code == 1
    found = read(tmp_path / "out")
    assert found["cohort"]["level"] == found["weights"]["level"] == "FAIL"
    assert "row 2" in found["cohort"]["message"]
    assert "odd.pth" in found["weights"]["message"]
    told = capfd.readouterr().err
    assert "checks failed: cohort, weights" in told
    assert "Traceback" not in told


def test_a_cohort_that_can_not_be_split_fails(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path, patients=1)
    with pytest.raises(SystemExit):
        command("check", "data=manifest", f"data.manifest={manifest}", outputs=tmp_path / "out")
    assert read(tmp_path / "out")["split"]["level"] == "FAIL"


@pytest.mark.parametrize(
    ("word", "told"),
    telling(
        [
            ("trainer.accelerator=nosuch", "trainer.accelerator=nosuch"),
            ("trainer.precision=nosuch", "trainer.precision=nosuch"),
            ("trainer.devices=x", "trainer.devices=x"),
            ("model.weights={folder}/nowhere.pt", "nowhere.pt"),
            ("model.weights={folder}/other.pt", "other.pt"),
        ],
        fast=(0, 3),
    ),
)
def test_device_and_weights_are_checked_before_the_cohort_is_read(
    small: list[str], tmp_path: Path, monkeypatch, capfd, word: str, told: str
) -> None:
    import torch

    def read(*_: object, **__: object) -> None:
        raise AssertionError("the cohort was read")

    torch.save({"fc.weight": torch.zeros(3, 7)}, tmp_path / "other.pt")
    monkeypatch.setattr("livergrade.data.kinds.read_cohort", read)
    words = [*TINY, *small, f"hydra.run.dir={tmp_path / 'run'}", word.format(folder=tmp_path)]
    with pytest.raises(SystemExit):
        command("train", *words, outputs=tmp_path)
    said = capfd.readouterr().err
    assert told in said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()
