import hashlib
import importlib.util
import io
import json
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

from livergrade.config.schema import ExportConfig
from livergrade.deploy.answer_rules import answer_rules, make_answers
from livergrade.deploy.onnx_file import MOST_BYTES, open_session, write_onnx
from livergrade.deploy.parity import check_parity, images_to_check
from livergrade.errors import UserError
from livergrade.inference.grader import Grader
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


def run_example(exported: Path, *images: Path) -> subprocess.CompletedProcess[str]:
    """Run the example where PyTorch, OpenCV and livergrade can't be imported."""
    barred = ("torch", "torchvision", "livergrade", "lightning", "cv2", "pandas")
    code = (
        f"import runpy, sys; sys.modules |= dict.fromkeys({barred}); "
        f"sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(exported / "example.py"), *map(str, images)],
        capture_output=True,
        text=True,
        check=False,
    )


def unlike_training(folder: Path) -> list[Path]:
    """Images of other colours and sizes than those of training, a very long one among them."""
    paths = []
    for name, size, colour in (("green", (60, 41), (20, 160, 60)), ("long", (700, 40), (250, 250, 250))):
        paths.append(folder / f"{name}.png")
        Image.new("RGB", size, colour).save(paths[-1])
    return paths


def same_table(exported: Path, run: Path, images: list[Path], *words: str, outputs: Path) -> pd.DataFrame:
    """Compare the table of the example with that of the command; returns it."""
    command("predict", f"run={run}", *map(str, images), *words, f"out={outputs / 'out'}", outputs=outputs)
    text = {"dtype": {"set": str, "answer": str}, "keep_default_na": True}
    expected = pd.read_csv(outputs / "out" / "images.csv", **text)
    done = run_example(exported, *sorted(images, key=str))
    assert (done.stderr, done.returncode) == ("", 0)
    found = pd.read_csv(io.StringIO(done.stdout), **text)
    expected = expected.drop(columns=["patient", "member_spread"], errors="ignore")
    assert list(found) == list(expected)
    for name in ("image", "predicted", "unlike", "set", "answer"):
        assert found[name].equals(expected[name]), name
    np.testing.assert_allclose(found["distance"], expected["distance"], rtol=0, atol=1e-6)
    numbers = [*(name for name in found if name.startswith("p_")), "spread"]
    np.testing.assert_allclose(found[numbers], expected[numbers], rtol=0, atol=1e-5)
    return expected


def test_the_example_answers_as_predict_does_without_torch(
    exported: Path, trained: Path, manifest: Path, tmp_path: Path
) -> None:
    assert len((exported / "example.py").read_text().splitlines()) <= 90
    images = [*sorted((manifest.parent).glob("*/*_0.png")), *unlike_training(tmp_path)]
    p = same_table(exported, trained, images, "views=3", "accelerator=cpu", outputs=tmp_path)
    assert set(p["answer"][p["image"].isin(map(str, images[-2:]))]) == {"unlike training"}
    assert not (p["answer"] == "unlike training").all()


@pytest.mark.slow
def test_an_ensemble_answers_as_predict_does(folds: Path, manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "export"
    export(f"run={folds}", "abstain=0.4", f"out={out}", outputs=tmp_path)
    images = [*sorted((manifest.parent).glob("*/*_0.png")), *unlike_training(tmp_path)]
    words = ("abstain=0.4", "accelerator=cpu")
    answered = same_table(out, folds, images, *words, outputs=tmp_path)
    assert set(answered["answer"][answered["image"].isin(map(str, images[-2:]))]) == {"unlike training"}


def test_what_is_set_by_hand_is_withheld_too(
    exported: Path, trained: Path, manifest: Path, tmp_path: Path
) -> None:
    """Limits that this tiny run has no patients for, and a least probability between its images'."""
    images = sorted((manifest.parent).glob("*/*_1.png"))
    best = pd.read_csv(io.StringIO(run_example(exported, *images).stdout)).filter(like="p_").max(axis=1)
    abstain = float(np.sort(best)[len(best) // 2 - 1 : len(best) // 2 + 1].mean())
    calibration = {"temperature": TEMPERATURE, "views": 3, "patients": 9, "scores_by_grade": {}}
    calibration["scores"] = {"patient": [0.5] * 9, "image": [[1 - abstain]] * 9}
    run = shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("export"))
    stored = run / "calibration.json"
    stored.write_text(json.dumps(json.loads(stored.read_text()) | calibration))
    as_own(run)
    out, config = shutil.copytree(exported, tmp_path / "export"), ExportConfig(abstain=abstain)
    grader = Grader(Run(run), "3", "cpu", calibrated=True)
    rules = answer_rules(grader, make_answers(Run(run), grader, config))
    (out / "answer_rules.json").write_text(json.dumps(rules))
    words = ("views=3", "accelerator=cpu", f"abstain={abstain}")
    answered = same_table(out, run, images, *words, outputs=tmp_path)
    assert 0 < (answered["answer"] == "unsure").sum() < len(answered)
    assert answered["set"].str.contains("|", regex=False).any()


def test_what_the_example_cannot_read_is_told_of_each(exported: Path, manifest: Path, tmp_path: Path) -> None:
    deep = tmp_path / "deep.png"  # which Pillow would clip
    Image.fromarray(np.full((40, 40), 40_000, np.uint16)).save(deep)
    (tmp_path / "no.png").write_bytes(b"nothing")
    good = next((manifest.parent / "well").glob("*.png"))
    done = run_example(exported, deep, good, tmp_path / "no.png")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == f"{deep}: is of mode I;16; save it as RGB of 8 bits without transparency"
    assert second.startswith(f"{tmp_path / 'no.png'}: cannot identify image file")
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["image", str(good)]


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


@pytest.fixture
def written_before(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is not written but copied from what the export left, since to write one takes seconds."""

    def copy(net: object, path: Path, **_: object) -> None:
        shutil.copy(exported / "model.onnx", path)

    monkeypatch.setattr("livergrade.deploy.bundle.write_onnx", copy)


@pytest.mark.usefixtures("written_before")
def test_a_file_that_grades_otherwise_is_not_left(trained: Path, tmp_path: Path, capfd) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit):
        export(f"run={trained}", f"out={out}", "tolerance=0", "views=3", outputs=tmp_path)
    told = capfd.readouterr().err
    assert "model.onnx: not written" in told
    assert "tolerance=0" in told
    assert "Traceback" not in told
    assert not out.exists()


@pytest.mark.usefixtures("written_before")
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_lower_precision_is_measured_on_real_images(trained: Path, precision: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bounds = ("lower.difference=0.2", "lower.changed=0.5")
    words = ("views=3", "data.outside=true", f"precision={precision}", f"out={out}")
    export(f"run={trained}", *words, *bounds, outputs=tmp_path)
    told = json.loads((out / "export.json").read_text())
    lower, split = told["lower"], pd.read_csv(trained / "split.csv")["split"]
    assert told["precision"] == lower["name"] == precision
    assert lower["images"] == split.isin(["val", "test"]).sum()
    assert lower["calibration_images"] == (split == "val").sum() * (precision == "int8")
    assert 0 < lower["max_difference_of_means"] <= lower["max_difference"] < 0.2
    assert lower["bytes"] == told["bytes"] == (out / "model.onnx").stat().st_size < lower["float32_bytes"]
    assert f"{precision}: " in (out / "README.md").read_text("utf-8")
    facts = {fact.key: fact.value for fact in onnx.load(out / "model.onnx").metadata_props}
    assert json.loads(facts["views"]) == [0, 120, 240]


@pytest.mark.usefixtures("written_before")
def test_lower_precision_that_is_too_far_is_not_left(trained: Path, tmp_path: Path, capfd) -> None:
    out, stored = tmp_path / "out", trained / "config.yaml"
    words = ("views=3", "data.outside=true", "precision=float16", f"out={out}")
    with pytest.raises(SystemExit):
        export(f"run={trained}", *words, "lower.difference=0", outputs=tmp_path)
    told = capfd.readouterr().err
    assert "precision=float16: not written, because an image's probability differs" in told
    assert not out.exists()
    run = shutil.copytree(trained, tmp_path / "moved", ignore=shutil.ignore_patterns("export"))
    (run / "config.yaml").write_text(stored.read_text().replace("cohort.csv", "gone.csv"))
    as_own(run)
    with pytest.raises(SystemExit):
        export(f"run={run}", *words, outputs=tmp_path)
    told = capfd.readouterr().err
    assert "precision=float16: is compared with float32 on real images, and the run's can't be used" in told
    assert "gone.csv" in told
    assert "Traceback" not in told


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
