"""Images and slides are graded at the scale of the run, or refused."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from livergrade.config.schema import PredictConfig
from livergrade.errors import UserError
from livergrade.evaluation.scale import Scale
from livergrade.inference.inputs import Input
from livergrade.inference.scale import PAPER_UM, log_unknown_scale, with_tile_side
from livergrade.io.files import write_json
from tests.conftest import as_own, command, draw_image, telling, write_slide

SCALE: Scale = {"images": 9, "low": 20.0, "median": 20.0, "high": 20.0, "network_um": 0.625}
SLIDE, IMAGE = Input(Path("s.svs"), "", slide=True), Input(Path("a.png"), "", slide=False)


def test_tiles_are_of_the_runs_field_of_view(caplog: pytest.LogCaptureFixture) -> None:
    assert with_tile_side(PredictConfig(), SCALE, [SLIDE]).tile_um == 20
    assert not caplog.messages
    assert with_tile_side(PredictConfig(tile_um=22.0), SCALE, [SLIDE]).tile_um == 22
    assert "tile_um=22, and the run was trained on images of 20.0 µm" in caplog.text
    with pytest.raises(UserError, match=r"tile_um=383, and the run was trained on images of 20\.0 µm"):
        with_tile_side(PredictConfig(tile_um=383.0), SCALE, [SLIDE])


def test_without_a_known_scale_tiles_are_the_papers_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert with_tile_side(PredictConfig(), None, [IMAGE]).tile_um == PAPER_UM
    assert with_tile_side(PredictConfig(tile_um=64.0), None, [SLIDE]).tile_um == 64
    assert not caplog.messages
    assert with_tile_side(PredictConfig(), None, [SLIDE]).tile_um == PAPER_UM
    assert "the run's scale is not known: tiles of 383 µm" in caplog.text


def test_what_can_not_be_compared_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    known = Input(Path("b.png"), "", slide=False, mpp=0.5)
    log_unknown_scale([IMAGE, known], 0.5, SCALE)
    log_unknown_scale([IMAGE], None, None)
    log_unknown_scale([], None, SCALE)
    assert not caplog.messages
    log_unknown_scale([IMAGE, known], None, SCALE)
    log_unknown_scale([IMAGE, known], None, None)
    assert [line.partition(";")[0] for line in caplog.messages] == [
        "the scale of 1 of 2 images is not known",
        "the run's scale is not known, so mpp of the images is not compared with it",
    ]


@pytest.fixture
def scaled_run(tiny_run: Path, tmp_path: Path) -> Path:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    write_json(SCALE, run / "scale.json")
    return as_own(run)


def test_an_image_of_another_scale_is_refused_and_the_others_are_graded(
    scaled_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, size in (("same", (44, 40)), ("finer", (88, 80)), ("wide", (44, 40)), ("narrow", (44, 40))):
        draw_image(tmp_path / f"{name}.png", 1, 1, size)
    rows = "same.png,\nfiner.png,0.25\nwide.png,1\nnarrow.png,0.25\n"
    (tmp_path / "t.csv").write_text(f"image,mpp\n{rows}")
    words = [f"run={scaled_run}", str(tmp_path / "t.csv"), "accelerator=cpu", f"out={tmp_path / 'out'}"]
    with pytest.raises(SystemExit):
        command("predict", *words, "mpp=0.5", outputs=tmp_path)
    told = capfd.readouterr().err
    assert (
        "wide.png shows 40 µm on its shorter side, 1.25 µm per network pixel, and the run's training" in told
    )
    assert "narrow.png shows 10 µm" in told
    graded = pd.read_csv(tmp_path / "out" / "images.csv")
    assert [Path(name).stem for name in graded["image"]] == ["finer", "same"]

    (tmp_path / "t.csv").write_text("image,mpp\nsame.png,0.25\n")  # corrected: what was kept is not taken
    with pytest.raises(SystemExit):
        command("predict", *words, "mpp=0.5", outputs=tmp_path)
    assert "same.png shows 10 µm" in capfd.readouterr().err


@pytest.mark.usefixtures("undrawn")
def test_a_slide_is_cut_at_the_runs_scale(scaled_run: Path, tmp_path: Path) -> None:
    write_json({**SCALE, "low": 128.0, "median": 128.0, "high": 128.0}, scaled_run / "scale.json")
    as_own(scaled_run)
    slide, out = write_slide(tmp_path / "s.tif", 1.0), tmp_path / "out"
    command("predict", f"run={scaled_run}", str(slide), f"out={out}", outputs=tmp_path)
    assert json.loads((out / "options.json").read_text())["tile_um"] == 128
    assert set(pd.read_csv(out / "tiles" / "s.csv")["x"]) <= {128.0 * column for column in range(8)}


@pytest.mark.parametrize("cell", telling(["0,5", "nan", "0", "-0.5", "250", "0.5um"], fast=(0, 2)))
def test_an_impossible_pixel_size_of_an_image_is_told(
    cell: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    draw_image(tmp_path / "a.png", 1, 1)
    (tmp_path / "t.csv").write_text(f'image,mpp\na.png,"{cell}"\na.png,"{cell}"\n')
    with pytest.raises(SystemExit):
        command("predict", "run=none", str(tmp_path / "t.csv"), outputs=tmp_path)
    told = capfd.readouterr().err
    assert f"row 2: mpp '{cell}' is not a " in told
    assert f"row 3: mpp '{cell}' is not a " in told
