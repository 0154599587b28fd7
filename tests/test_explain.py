"""``livergrade.explain``, from a run to its maps and page."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.data.kinds import read_cohort
from livergrade.evaluation.faithfulness import METHODS
from livergrade.explanations.explained import choose
from livergrade.runs.run import Run
from tests.conftest import command, draw_image, write_slide

pytestmark = pytest.mark.usefixtures("narrow", "undrawn")
FAST = ("accelerator=cpu", "views=2", "places=2", "steps=2")


@pytest.fixture(scope="module")
def trained(narrow: None, undrawn: None, small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a CBAM network, which has gates of places and of channels."""
    out = tmp_path_factory.mktemp("explained")
    words = (*small, "data.image_size=64", "model=cbam", "trainer=smoke", "augment.test_views=upright")
    command("train", *words, outputs=out)
    return next((out / "cbam").iterdir())


@pytest.mark.slow
def test_a_run_is_explained_on_images_of_its_test(trained: Path, tmp_path: Path) -> None:
    command("explain", f"run={trained}", *FAST, f"out={tmp_path / 'out'}", outputs=tmp_path)
    run = Run(trained)
    chosen = choose(run, read_cohort(run.config.data, outside=False, run=trained), 1)
    out = tmp_path / "out"
    test = pd.read_csv(trained / "split.csv").query("split == 'test'")
    assert {one.name for one in chosen} <= set(test["image"])
    assert {one.grade for one in chosen} == set(test["grade"])
    maps = sorted((out / "maps").iterdir())
    assert len(maps) == len(chosen) == len(list((out / "pictures").glob("[0-9]*.png")))
    with np.load(maps[0]) as raw:
        assert raw["view"].shape == (64, 64, 3)
        assert raw["hires_cam"].shape == (3, 2, 2)
        assert raw["occlusion"].shape == (3, 2, 2)
        assert raw["gate/layer4.2.attention.spatial"].shape == (1, 2, 2)
        assert raw["curve/occlusion"].shape == (2, 3)
    told = json.loads((out / "sanity.json").read_text())
    assert told["failed"] == {}
    by = {(row["method"], row["measure"]): row for row in told["sanity"]}
    assert {method for method, _ in by} == set(METHODS)
    for (_, measure), row in by.items():
        assert row["low"] <= row["value"] + 1e-9
        assert row["value"] <= row["high"] + 1e-9
        if measure in ("deletion", "insertion"):
            assert 0 <= row["value"] <= 1
    page = (out / "report.html").read_text()
    assert all(f"{by['occlusion', measure]['value']:.3f}" in page for measure in ("deletion", "insertion"))
    assert page.count("data:image/png") == len(chosen) + 1  # and the gates


@pytest.mark.slow
def test_named_images_are_explained_and_bad_ones_told(
    trained: Path, drawn: None, tmp_path: Path, capfd
) -> None:
    draw_image(tmp_path / "some.png", 0, 1)
    (tmp_path / "bad.png").write_bytes(b"no image")
    words = [str(tmp_path / "some.png"), str(tmp_path / "bad.png")]
    for name in ("maps/007.npz", "pictures/007.png", "maps/mine.npz"):  # the first two of an earlier start
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).touch()
    with pytest.raises(SystemExit):
        command("explain", f"run={trained}", *words, *FAST, f"out={tmp_path / 'out'}", outputs=tmp_path)
    shown = capfd.readouterr().err
    assert "1 of 2 images could not be explained" in shown
    assert "bad.png" in shown
    assert "Traceback" not in shown
    assert "some" in (tmp_path / "out" / "report.html").read_text()
    assert sorted(path.name for path in (tmp_path / "out" / "maps").iterdir()) == ["000.npz", "mine.npz"]
    assert not (tmp_path / "out" / "pictures" / "007.png").exists()


def test_mistakes_are_told(tiny_run: Path, tmp_path: Path, capfd) -> None:
    slide = write_slide(tmp_path / "slide.tif")
    for words, told in (
        ([], "run: is missing; give the folder of a run"),
        ([f"run={tmp_path}"], "is not a run"),
        ([f"run={tiny_run}", str(slide)], "livergrade.predict maps slides"),
    ):
        with pytest.raises(SystemExit):
            command("explain", *words, outputs=tmp_path)
        assert told in capfd.readouterr().err
