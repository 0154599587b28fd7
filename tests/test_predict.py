"""``livergrade.predict``, on images and slides."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from livergrade.evaluation.conformal import sets, threshold
from livergrade.io.grades import UNLIKE
from tests.conftest import COLOURS, GRADES, as_own, command, telling, write_slide

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def trained(tiny_run: Path) -> Path:
    return tiny_run


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slide(tmp_path_factory.mktemp("slides") / "case.tif", grain=20)


def predict(*words: str, out: Path) -> None:
    command("predict", *words, "accelerator=cpu", "workers=2", f"out={out}", outputs=out.parent)


def test_images_get_what_the_runs_own_test_gave_them(trained: Path, manifest: Path, tmp_path: Path) -> None:
    predict(f"run={trained}", str(manifest), "calibrated=false", out=tmp_path / "out")
    images = pd.read_csv(tmp_path / "out" / "images.csv")
    assert len(images) == 24
    views = pd.read_csv(trained / "predictions.csv")
    columns = [f"p_{grade}" for grade in GRADES]
    mean = views.groupby("image")[columns].mean()
    images.index = [str(Path(path).relative_to(manifest.parent)) for path in images["image"]]
    assert len(mean) > 3
    np.testing.assert_allclose(images.loc[mean.index, columns], mean, atol=1e-5)
    assert images[columns].sum(1).to_numpy() == pytest.approx(1)
    assert images["agree"].between(0, 1).all()
    patients = pd.read_csv(tmp_path / "out" / "patients.csv")
    assert sorted(patients["patient"]) == sorted(pd.read_csv(manifest)["patient"].unique())


def test_images_stored_as_tiled_tiff_are_the_images_that_they_are(
    trained: Path, manifest: Path, tmp_path: Path
) -> None:
    import tifffile

    table = pd.read_csv(manifest).iloc[:2]
    for image in table["image"]:
        with Image.open(manifest.parent / image) as picture:
            options = {"tile": (16, 16), "resolution": (2e4, 2e4), "resolutionunit": "CENTIMETER"}
            tifffile.imwrite(tmp_path / f"{Path(image).stem}.tif", np.array(picture), **options)
    names = [f"{Path(image).stem}.tif" for image in table["image"]]
    (tmp_path / "t.csv").write_text(f"image\n{names[0]}\n")
    given = [str(tmp_path / "t.csv"), *(str(tmp_path / name) for name in names)]
    predict(f"run={trained}", *given, "calibrated=false", out=tmp_path / "tiled")
    plain = [str(manifest.parent / image) for image in table["image"]]
    predict(f"run={trained}", *plain, "calibrated=false", out=tmp_path / "plain")
    assert not (tmp_path / "tiled" / "slides.csv").exists()
    columns = [f"p_{grade}" for grade in GRADES]
    tiled, plain = (pd.read_csv(tmp_path / name / "images.csv")[columns] for name in ("tiled", "plain"))
    pd.testing.assert_frame_equal(tiled, plain, atol=1e-6)


def calibrated(trained: Path, folder: Path, temperature: float | None = 2.5, patients: int = 20) -> Path:
    """The run with another calibration: scores rise evenly to 0.5 for patients, to 0.8 for images."""
    folder = Path(shutil.copytree(trained, folder))
    scores = {
        "patient": np.linspace(0, 0.5, patients).tolist(),
        "image": np.linspace(0, 0.8, patients)[:, None].tolist(),
    }
    facts = {"low": None, "high": None, "fitted_on": "val", "patients": patients, "images": patients}
    facts |= {"temperature": temperature, "views": 2, "scores": scores, "reason": "none was fitted"}
    (folder / "calibration.json").write_text(json.dumps(facts))
    return as_own(folder)


def test_probabilities_are_calibrated_before_views_are_averaged(
    trained: Path, manifest: Path, tmp_path: Path
) -> None:
    run = calibrated(trained, tmp_path / "run")
    predict(f"run={run}", str(manifest), "abstain=0.4", out=tmp_path / "out")
    images = pd.read_csv(tmp_path / "out" / "images.csv", keep_default_na=False)
    columns = [f"p_{grade}" for grade in GRADES]
    assert list(images) == [
        "image",
        "patient",
        "predicted",
        *columns,
        "spread",
        "agree",
        "distance",
        "unlike",
        "set",
        "answer",
    ]
    views = pd.read_csv(trained / "predictions.csv")
    powers = views[columns] ** (1 / 2.5)
    mean = powers.div(powers.sum(1), axis=0).groupby(views["image"]).mean()
    images.index = [str(Path(path).relative_to(manifest.parent)) for path in images["image"]]
    np.testing.assert_allclose(images.loc[mean.index, columns], mean, atol=1e-5)
    patients = pd.read_csv(tmp_path / "out" / "patients.csv", keep_default_na=False)
    for table, level in ((images, "image"), (patients, "patient")):
        scores = json.loads((run / "calibration.json").read_text())["scores"][level]
        chosen = sets(table[columns].to_numpy(), threshold(scores, 0.9))
        held = ["|".join(np.array(GRADES)[row]) for row in chosen]
        assert list(table["set"]) == held
        unsure = table[columns].max(axis=1) < 0.4
        assert list(table["answer"]) == list(table["predicted"].mask(unsure, "unsure"))
    told = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert (told["temperature"], told["coverage"], told["no_sets"]) == (2.5, 0.9, None)


@pytest.mark.parametrize(
    ("made", "words", "held", "told"),
    telling(
        [
            ({"patients": 6}, [], "poor|moderate|well", "needs 9 validation patients, and there are 6"),
            ({}, ["views=1"], "", "based on 2 views, not 1"),
            ({}, ["calibrated=false"], "", "based on calibrated probabilities"),
            (
                {"temperature": None, "patients": 6},
                [],
                "poor|moderate|well",
                "not calibrated: none was fitted",
            ),
        ],
        fast=(0, 2),
    ),
)
def test_where_no_set_can_be_promised_the_reason_is_told(
    trained: Path, manifest: Path, made: dict, words: list[str], held: str, told: str, tmp_path: Path, capfd
) -> None:
    run = calibrated(trained, tmp_path / "run", **made)
    predict(f"run={run}", str(manifest.parent / "poor"), *words, out=tmp_path / "out")
    images = pd.read_csv(tmp_path / "out" / "images.csv", keep_default_na=False)
    assert set(images["set"]) == {held}
    assert list(images["answer"]) == list(images["predicted"])  # it was not asked to abstain
    captured = capfd.readouterr()
    assert told in captured.out + captured.err


def test_a_run_of_an_earlier_version_grades_as_it_did(trained: Path, manifest: Path, tmp_path: Path) -> None:
    run = calibrated(trained, tmp_path / "run")
    (run / "calibration.json").unlink()
    as_own(run)
    predict(f"run={run}", str(manifest.parent / "poor"), out=tmp_path / "out")
    images = pd.read_csv(tmp_path / "out" / "images.csv", keep_default_na=False)
    assert set(images["set"]) == {""}
    assert json.loads((tmp_path / "out" / "predictions.json").read_text())["temperature"] is None


def test_a_slide_is_graded_where_there_is_tissue(
    trained: Path, slide: Path, drawn: None, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict(f"run={trained}", str(slide), "tile_um=16", out=out)
    tiles = pd.read_csv(out / "tiles" / "case.csv")
    assert len(tiles) == sum(
        (side // 32) ** 2 for *_, side in COLOURS
    )  # the squares lie on the grid of 32 px
    inside = [
        any(left <= x < left + side and top <= y < top + side for left, top, side in COLOURS)
        for x, y in zip(tiles["x"], tiles["y"], strict=True)
    ]
    assert all(inside)
    told = pd.read_csv(out / "slides.csv").iloc[0]
    assert told["tiles"] == len(tiles)
    assert told[[f"area_{grade}" for grade in GRADES]].sum() + told["unlike"] == pytest.approx(1)
    assert told["unsure"] == 0
    assert pd.isna(told["set"])  # its tiles are not such images as the scores were made of
    assert told["unlike"] == tiles["unlike"].mean() > 0.5
    assert told["answer"] == UNLIKE  # flat colours are not what the network was trained on
    assert {path.suffix for path in (out / "maps").iterdir()} == {".png", ".svg", ".geojson"}
    assert json.loads((out / "predictions.json").read_text())["slides"][0]["tiles"] == len(tiles)


@pytest.mark.slow
def test_why_a_slide_has_its_grade_is_drawn_over_it(
    trained: Path, slide: Path, drawn: None, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [f"run={trained}", str(slide), "views=upright", "tile_um=64", "calibrated=false"]
    predict(*words, out=out)
    assert not (out / "maps" / "case_why.npz").exists()
    predict(*words, "why=true", out=out)  # graded before, but without maps
    tiles = pd.read_csv(out / "tiles" / "case.csv")
    with np.load(out / "maps" / "case_why.npz") as raw:
        maps, middle = raw["maps"], np.column_stack([raw["x"], raw["y"]]) + raw["side"] / 2
        assert list(raw["classes"]) == list(GRADES)
    np.testing.assert_allclose(middle, tiles[["x", "y"]] + 64, atol=1e-6)
    # The head is linear over a mean: a tile's map adds up to its logits but for the head's bias.
    logits = np.log(tiles[[f"p_{grade}" for grade in GRADES]].to_numpy())
    bias = logits - logits.mean(1, keepdims=True) - maps.sum((2, 3))
    np.testing.assert_allclose(bias, bias[:1].repeat(len(tiles), 0), atol=1e-4)
    assert np.ptp(logits, axis=0).min() > 1e-3
    assert (out / "maps" / "case_why.png").is_file()


def test_one_bad_file_stops_no_other_and_a_second_start_does_the_rest(
    trained: Path, slide: Path, manifest: Path, tmp_path: Path, capfd
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(slide, folder / "case.tif")
    shutil.copy(manifest.parent / "poor" / "P00_0.png", folder / "good.png")
    (folder / "broken.svs").write_bytes(b"nothing")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:300])
    with pytest.raises(SystemExit):
        predict(f"run={trained}", str(folder), "tile_um=64", out=out)
    told = capfd.readouterr().err
    assert "2 of 4 files could not be graded" in told
    assert "broken.svs is not a slide" in told
    assert "cut.png is damaged" in told
    assert "Traceback" not in told
    assert len(pd.read_csv(out / "images.csv")) == 1
    (kept,) = (out / "kept").glob("case-*.csv")
    graded = kept.stat().st_mtime_ns
    for name in ("broken.svs", "cut.png"):
        (folder / name).unlink()
    predict(f"run={trained}", str(folder), "tile_um=64", out=out)
    assert kept.stat().st_mtime_ns == graded
    with pytest.raises(SystemExit):
        predict(f"run={trained}", str(folder), "tile_um=32", out=out)
    assert "tile_um: 64.0 there, 32.0 now" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        predict(f"run={trained}", str(folder), "tile_um=64", "coverage=0.8", out=out)
    assert "coverage: 0.9 there, 0.8 now" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["images/*.png"], "run: is missing; give the folder of a run"),
        (["run=nowhere", "{manifest}"], "nowhere"),
        (["run={trained}"], "inputs: are missing; give images"),
        (["run={trained}", "nowhere.png", "/none/*.svs"], "nowhere.png: there is no such file"),
        (["run={trained}", "{manifest}", "views=37"], "views=37"),
    ],
)
def test_mistakes_are_told(
    trained: Path, manifest: Path, words: list[str], told: str, tmp_path: Path, capfd
) -> None:
    with pytest.raises(SystemExit):
        predict(*(word.format(trained=trained, manifest=manifest) for word in words), out=tmp_path / "out")
    shown = capfd.readouterr().err
    assert told in shown
    assert "Traceback" not in shown


@pytest.mark.slow
def test_memory_does_not_grow_with_the_slide(trained: Path, tmp_path: Path) -> None:
    """40,960 × 30,720 px (3.8 GB decoded): what a slide of a thousandth of it needs, and 0.5 GB."""

    def peak(path: Path) -> float:
        words = [f"run={trained}", str(path), "accelerator=cpu", "workers=1", f"out={tmp_path / path.stem}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "livergrade.predict", *words, "tile_um=512", "batch_size=8"],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
        )
        most = 0.0
        while process.poll() is None:
            most = max(most, sum(_resident(process.pid)))
            time.sleep(0.05)
        assert process.returncode == 0, process.stderr and process.stderr.read().decode()
        return most

    small = peak(write_slide(tmp_path / "small.tif", grain=10, mpp=8.0))
    large = peak(_write_large(tmp_path / "large.tif"))
    assert len(pd.read_csv(tmp_path / "large" / "tiles" / "large.csv")) == 20 * 15 - 20 * 3
    assert large < 2 * 2**30 + small
    assert large < small + 0.5e9


def _resident(pid: int) -> list[int]:
    """Bytes of a process and of its children, what they share counted once."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return []
    pss = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return [pss, *(size for child in children for size in _resident(int(child)))]


def _write_large(path: Path) -> Path:
    """All tissue but for a band of glass of three rows of tiles; a pyramid of four levels."""
    import tifffile

    rng = np.random.default_rng(0)
    tissue = np.clip(np.array([180, 90, 160]) + rng.integers(-20, 20, (512, 512, 1)), 0, 255).astype(np.uint8)
    glass = np.full((512, 512, 3), 245, np.uint8)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for level in range(4):
            side = 512 >> level  # so that every level has 60 rows of 80 tiles
            parts = {True: glass[:side, :side], False: tissue[:side, :side]}
            file.write(
                (parts[24 <= row < 36] for row in range(60) for _ in range(80)),
                shape=(60 * side, 80 * side, 3),
                dtype=np.uint8,
                tile=(side, side),
                photometric="rgb",
                compression="deflate",
                metadata=None,
                subfiletype=1 if level else 0,
                resolution=(1e4 / 0.25 / 2**level,) * 2,
                resolutionunit="CENTIMETER",
            )
    return path


LOADED = """
import sys
from livergrade.predict import main
main()
print(sorted({"torch._dynamo", "torchvision", "lightning", "matplotlib"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_a_process_that_grades_an_image_loads_neither_compiler_nor_trainer(
    run: Callable[..., Path], manifest: Path, tmp_path: Path
) -> None:
    """PyTorch's compiler alone takes as long as three quarters of PyTorch."""
    folder, image = run("trainer.limit_batches=1", model="senet"), next(manifest.parent.glob("*/*.png"))
    words = [f"run={folder}", str(image), "accelerator=cpu", f"out={tmp_path / 'out'}"]
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
