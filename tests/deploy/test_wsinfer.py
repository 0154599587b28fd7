"""A folder that WSInfer and QuPath run: the network, what a patch is, and what is told of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from livergrade.deploy.wsinfer import tile_side
from livergrade.errors import UserError
from livergrade.evaluation.scale import Scale
from livergrade.inference.grader import Grader
from livergrade.io.images import read_square
from livergrade.runs.run import Run
from tests.conftest import GRADES, command, telling

SCALE: Scale = {"images": 9, "low": 180.0, "median": 200.0, "high": 220.0, "network_um": 200 / 51}
UM = 128.0


def export(run: Path, out: Path, *words: str) -> Path:
    command("export", f"run={run}", "to=wsinfer", f"out={out}", *words, outputs=out.parent)
    return out


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tiny_run, tmp_path_factory.mktemp("wsinfer") / "out", f"tile_um={UM}", "views=upright")


def test_the_folder_holds_what_both_programs_read(exported: Path, tiny_run: Path) -> None:
    told = json.loads((exported / "config.json").read_text())
    size = Grader(Run(tiny_run), "upright", "cpu").size
    assert told.pop("spacing_um_px") == pytest.approx(UM / size)
    assert told == {
        "spec_version": "1.0",
        "architecture": "test_resnet",
        "num_classes": 3,
        "class_names": list(GRADES),
        "patch_size_pixels": size,
        "transform": [{"name": "Resize", "arguments": {"size": size}}, {"name": "ToTensor"}],
    }
    text = (exported / "README.md").read_text("utf-8")
    assert "A patch shows 128.0 µm" in text
    assert "Nothing is “unlike training”" in text
    assert {path.name for path in exported.iterdir()} >= {"torchscript_model.pt", "config.json", "README.md"}


def test_it_holds_no_folder_of_the_machine_that_made_it(exported: Path) -> None:
    here = (str(Path(__file__).parents[2]), str(Path(torch.__file__).parent))
    with ZipFile(exported / "torchscript_model.pt") as archive:
        names = archive.namelist()
        content = b"".join(archive.read(name) for name in names)
    assert not [folder for folder in here if folder.encode() in content]
    assert {name.partition("/")[0] for name in names} == {"archive"}


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_softmax_of_what_it_returns_is_the_runs_probability(
    exported: Path, tiny_run: Path, manifest: Path
) -> None:
    grader = Grader(Run(tiny_run), "upright", "cpu", calibrated=True)
    squares = [read_square(path, grader.size) for path in sorted(manifest.parent.glob("*/*_0.png"))]
    batch = torch.tensor(np.stack(squares))
    net = torch.jit.load(str(exported / "torchscript_model.pt"))
    with torch.inference_mode():
        for patches in (batch, batch[:1], batch[:3]):
            found = net(patches.permute(0, 3, 1, 2) / 255).softmax(1)
            np.testing.assert_allclose(found, grader.grade(patches).mean(1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("given", "scale", "side"), [(None, SCALE, 200), (210.0, SCALE, 210), (150.0, None, 150)]
)
def test_a_patch_is_as_a_tile_of_predict(given: float | None, scale: Scale | None, side: float) -> None:
    assert tile_side(given, scale) == side


@pytest.mark.parametrize(
    ("given", "scale", "told"),
    [
        (None, None, "to=wsinfer: the run's scale is not known.* give tile_um=<µm on the shorter side"),
        (400.0, SCALE, "tile_um=400, and the run was trained on images of 200.0 µm"),
    ],
)
def test_another_scale_is_refused(given: float | None, scale: Scale | None, told: str) -> None:
    with pytest.raises(UserError, match=told):
        tile_side(given, scale)


@pytest.mark.parametrize(
    ("words", "told"),
    telling(
        [
            ((), "the run's scale is not known"),
            (("tile_um=100", "tolerance=0"), "not written, because its probabilities differ"),
            (("tile_um=100", "precision=int8", "abstain=0.5"), "precision: has no effect with to=wsinfer"),
            (("tile_um=100", "page=true"), "page: has no effect with to=wsinfer; leave it out"),
            (("tile_um=100", "to=onnx"), "tile_um: is of to=wsinfer; leave it out"),
            (("page_runtime=a.tgz", "to=onnx"), "page_runtime: has no effect without page=true"),
        ],
        fast=(0, 1, 3),
    ),
)
def test_nothing_is_left_where_it_is_refused(
    tiny_run: Path, words: tuple[str, ...], told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        export(tiny_run, tmp_path / "out", *words)
    shown = capfd.readouterr().err
    assert told in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    not {"LIVERGRADE_WSINFER", "LIVERGRADE_WSINFER_SLIDE"} <= os.environ.keys(),
    reason="needs the Python of an environment with wsinfer, and a slide",
)
def test_wsinfer_grades_a_slide_as_the_run_does(exported: Path, tiny_run: Path, tmp_path: Path) -> None:
    """In its own environment: LIVERGRADE_WSINFER is its Python, LIVERGRADE_WSINFER_SLIDE a real slide."""
    import openslide

    programs, slides, home = Path(os.environ["LIVERGRADE_WSINFER"]).parent, tmp_path / "slides", tmp_path
    slides.mkdir()
    slide = Path(shutil.copy(os.environ["LIVERGRADE_WSINFER_SLIDE"], slides))
    (home / ".wsinfer-zoo").mkdir()
    (home / ".wsinfer-zoo" / "wsinfer-zoo-registry.json").write_text('{"models": {}}')
    without = {"PYTHONPATH", "PYTEST_CURRENT_TEST"}
    env = {key: value for key, value in os.environ.items() if key not in without}
    env |= {"HOME": str(home), "HF_HUB_OFFLINE": "1"}
    config = exported / "config.json"
    words: list[object] = ["run", "-i", slides, "-o", tmp_path / "out", "-c", config, "-n", "1"]
    words += ["-p", exported / "torchscript_model.pt"]
    for program in ([programs / "wsinfer-zoo", "validate-config", config], [programs / "wsinfer", *words]):
        subprocess.run(list(map(str, program)), env=env, check=True, capture_output=True)
    graded = pd.read_csv(tmp_path / "out" / "model-outputs-csv" / f"{slide.stem}.csv")
    assert len(graded)
    grader, opened = Grader(Run(tiny_run), "upright", "cpu", calibrated=True), openslide.OpenSlide(slide)
    for row in graded.itertuples():
        patch = opened.read_region((row.minx, row.miny), 0, (row.width, row.height)).convert("RGB")
        square = np.asarray(patch.resize((grader.size, grader.size), Image.Resampling.BILINEAR))
        found = [getattr(row, f"prob_{grade}") for grade in GRADES]
        expected = grader.grade(torch.tensor(square)[None])[0].mean(0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
