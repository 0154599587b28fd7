import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from livergrade.deploy.onnx_file import MOST_BYTES, open_session, write_onnx
from livergrade.deploy.parity import check_parity, images_to_check
from livergrade.errors import UserError
from livergrade.inference.grader import Grader
from livergrade.io.images import read_square
from livergrade.models.catalog import NAMES
from livergrade.runs.run import Run
from tests.conftest import GRADES, TINY, as_own, command, made_once, train

pytestmark = pytest.mark.usefixtures("undrawn")
WORST = 'G:3 "poor" | <b> #*'  # a grade's name that YAML, Markdown and HTML all would trip over
TEMPERATURE = 1.7
SIZES = [(200, 130), (130, 200), (40, 44), (52, 52), (52, 90), (1393, 1665), (16, 300)]


def export(*words: str, outputs: Path) -> None:
    command("export", *words, outputs=outputs)


@pytest.fixture(scope="session")
def trained(manifest: Path, small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small network on the tiny cohort, whose worst grade has another name, calibrated.

    In its folder lies what an export of it leaves, at views that lie between right angles.
    """

    def make(folder: Path) -> None:
        table = pd.read_csv(manifest)
        table["image"] = [str(manifest.parent / image) for image in table["image"]]
        table.replace({"grade": {GRADES[0]: WORST}}).to_csv(folder / "cohort.csv", index=False)
        classes = ",".join("'" + grade + "'" for grade in (WORST, *GRADES[1:]))
        train(
            *TINY,
            *(word for word in small if not word.startswith(("data.manifest", "data.image_size"))),
            f"data.manifest={folder / 'cohort.csv'}",
            "data.outside=true",
            f"data.classes=[{classes}]",
            "data.image_size=32",
            "trainer.max_epochs=3",
            f"hydra.run.dir={folder / 'run'}",
            outputs=folder,
        )
        stored = folder / "run" / "calibration.json"
        stored.write_text(json.dumps(json.loads(stored.read_text()) | {"temperature": TEMPERATURE}))
        as_own(folder / "run")
        export(f"run={folder / 'run'}", "views=3", "data.outside=true", outputs=folder)

    return made_once(tmp_path_factory, "export", make) / "run"


@pytest.fixture
def exported(trained: Path) -> Path:
    """What the export left."""
    return trained / "export"


@pytest.fixture(scope="module")
def grader(trained: Path) -> Grader:
    return Grader(Run(trained), "3", "cpu", calibrated=True)


def test_the_file_grades_as_the_network_does(exported: Path, trained: Path) -> None:
    told = json.loads((exported / "export.json").read_text())
    agreement = told["agreement"]
    assert agreement["source"] == "test images of the run"
    views = pd.read_csv(trained / "predictions.csv")
    assert agreement["images"] == views[views["split"] == "test"]["image"].nunique()
    assert 0 < agreement["max_difference_of_means"] <= agreement["max_difference"] < 2e-3
    assert agreement["grades_differ"] == 0
    assert told["views"] == [0, 120, 240]
    assert told["temperature"] == TEMPERATURE
    file = exported / "model.onnx"
    assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert told["bytes"] == file.stat().st_size
    assert not list(exported.glob("*.part*"))


def test_images_of_any_size_are_graded(exported: Path, grader: Grader, tmp_path: Path) -> None:
    paths = []
    for height, width in SIZES:
        cells = np.random.default_rng(height).integers(
            60, 250, (height // 4 + 1, width // 4 + 1, 3), np.uint8
        )
        paths.append(tmp_path / f"{height}x{width}.png")
        Image.fromarray(cells).resize((width, height), Image.Resampling.BILINEAR).save(paths[-1])
    agreement = check_parity(exported / "model.onnx", grader, paths, "named images")
    assert agreement.images == len(SIZES)
    assert agreement.max_difference < 2e-3


def test_a_wrong_temperature_would_be_seen(exported: Path, grader: Grader, manifest: Path) -> None:
    paths = sorted((manifest.parent / GRADES[0]).glob("*.png"))
    calibrated = grader.temperature
    grader.temperature = 1.0
    assert check_parity(exported / "model.onnx", grader, paths, "named images").max_difference > 0.01
    grader.temperature = calibrated


def test_what_the_file_holds_of_itself(exported: Path) -> None:
    model = onnx.load(exported / "model.onnx")
    facts = {fact.key: fact.value for fact in model.metadata_props}
    assert json.loads(facts["classes"]) == [WORST, *GRADES[1:]]
    assert json.loads(facts["views"]) == [0, 120, 240]
    assert float(facts["temperature"]) == TEMPERATURE
    assert facts["image_size"] == "32"
    assert facts["model"] == "test_resnet"
    assert len(facts["split_fingerprint"]) == 64
    assert "not a medical device" in facts["use"]
    assert [entry.domain for entry in model.opset_import if entry.domain] == []
    # Nothing of the machine that made it.
    assert str(Path(__file__).parents[1]).encode() not in (exported / "model.onnx").read_bytes()


def test_the_example_needs_no_torch(exported: Path, grader: Grader, manifest: Path, tmp_path: Path) -> None:
    example = (exported / "example.py").read_text()
    assert len(example.splitlines()) <= 26
    images = sorted((manifest.parent / "well").glob("*.png"))[:3]
    barred = ("torch", "torchvision", "livergrade", "lightning", "cv2")
    code = (
        f"import runpy, sys; sys.modules |= dict.fromkeys({barred}); "
        f"sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    deep = tmp_path / "deep.png"  # which Pillow would clip
    Image.fromarray(np.full((40, 40), 40_000, np.uint16)).save(deep)
    done = subprocess.run(
        [sys.executable, "-c", code, str(exported / "example.py"), *map(str, (*images, deep))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == f"{deep}: is of mode I;16; save it as RGB of 8 bits without transparency\n"
    lines = done.stdout.splitlines()
    assert len(lines) == len(images)
    for path, line in zip(images, lines, strict=True):
        square = torch.tensor(read_square(path, grader.size))[None]
        mean = grader.grade(square)[0].mean(0)
        assert line.startswith(f"{path}: {grader.classes[mean.argmax()]} (")
        told = [float(p) for p in re.findall(r" (\d\.\d{3})[,)]", line)]
        assert told == pytest.approx(mean, abs=2e-3)


def test_the_card_is_read_as_yaml_and_markdown(exported: Path) -> None:
    _, fields, text = (exported / "README.md").read_text("utf-8").split("---\n", 2)
    result = yaml.safe_load(fields)["model-index"][0]["results"][0]
    assert result["dataset"]["name"] == "cohort, test patients"
    assert r'G:3 "poor" \| \<b\> \#\*' in text
    assert "<b>" not in text
    assert json.loads((exported / "export.json").read_text())["sha256"] in text


def test_without_the_runs_images_noise_is_drawn_and_told(
    exported: Path, trained: Path, grader: Grader, tmp_path: Path, caplog
) -> None:
    run = tmp_path / "moved"
    run.mkdir()
    for name in ("predictions.csv", "config.yaml"):
        shutil.copy(trained / name, run / name)
    stored = run / "config.yaml"
    stored.write_text(stored.read_text().replace("cohort.csv", "gone.csv"))
    images, source = images_to_check(Run(run), [], 16)
    assert (images, source) == ([], "noise")
    assert "gone.csv" in caplog.text
    agreement = check_parity(exported / "model.onnx", grader, images, source)
    assert agreement.images > 3
    assert agreement.max_difference < 5e-3


def test_images_that_were_replaced_are_not_called_the_runs(
    tiny_run: Path, manifest: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, cohort = tmp_path / "run", shutil.copytree(manifest.parent, tmp_path / "cohort")
    run.mkdir()
    for name in ("predictions.csv", "split.csv", "config.yaml"):
        shutil.copy(tiny_run / name, run / name)
    stored = run / "config.yaml"
    stored.write_text(stored.read_text().replace(str(manifest), str(cohort / manifest.name)))
    images, source = images_to_check(Run(run), [], 2)
    assert (len(images), source) == (2, "test images of the run")
    Image.new("RGB", (44, 40)).save(images[1])
    assert images_to_check(Run(run), [], 2) == ([], "noise")
    assert f"1 image differs: {images[1].relative_to(cohort)} (sha256 " in caplog.text


def test_a_file_that_grades_otherwise_is_not_left(
    exported: Path, trained: Path, tmp_path: Path, monkeypatch, capfd
) -> None:
    """With a file that was written before, since to write one takes seconds."""

    def copy(net: object, path: Path, **_: object) -> None:
        shutil.copy(exported / "model.onnx", path)

    monkeypatch.setattr("livergrade.deploy.bundle.write_onnx", copy)
    out = tmp_path / "out"
    with pytest.raises(SystemExit):
        export(f"run={trained}", f"out={out}", "tolerance=0", "views=3", outputs=tmp_path)
    told = capfd.readouterr().err
    assert "model.onnx: not written" in told
    assert "tolerance=0" in told
    assert "Traceback" not in told
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "run: is missing; give the folder of a run"),
        (["run=nowhere"], "nowhere"),
        (["run={trained}", "nowhere.png"], "nowhere.png: there is no such file"),
        (["run={trained}", "views=37"], "views=37"),
        (["run={trained}", "opset=17"], "opset=17: must be at least 18"),
    ],
)
def test_mistakes_are_told(trained: Path, words: list[str], told: str, tmp_path: Path, capfd) -> None:
    words = [word.format(trained=trained) for word in words]
    with pytest.raises(SystemExit):
        export(*words, f"out={tmp_path / 'out'}", outputs=tmp_path)
    shown = capfd.readouterr().err
    assert told in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "out").exists()


def test_missing_packages_are_named(trained: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name[:4] == "onnx" else find(name, *rest)
    )
    with pytest.raises(SystemExit):
        export(f"run={trained}", f"out={tmp_path / 'out'}", outputs=tmp_path)
    shown = capfd.readouterr().err
    assert 'export needs onnx, onnxruntime, onnxscript: pip install "livergrade[export]"' in shown


def test_a_file_that_the_runtime_cannot_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"model\.onnx: onnxruntime \S+ can't run it"):
        open_session(tmp_path / "model.onnx")


def test_a_network_too_large_for_one_file_is_refused(tmp_path: Path) -> None:
    with torch.device("meta"):
        net = torch.nn.Linear(2**15, 2**15)
    assert net.weight.nbytes > MOST_BYTES
    with pytest.raises(UserError, match=r"takes 4\.3 GB"):
        write_onnx(net, tmp_path / "model.onnx", opset=18, facts={})


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_network_is_exported(name: str, small: list[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(f"model={name}", *small, "trainer.limit_batches=1", f"hydra.run.dir={run}", outputs=tmp_path)
    export(f"run={run}", f"out={tmp_path / 'out'}", "views=5", outputs=tmp_path)
    agreement = json.loads((tmp_path / "out" / "export.json").read_text())["agreement"]
    assert agreement["max_difference"] < 2e-3
    assert agreement["grades_differ"] == 0
