"""``livergrade.predict`` started again into one folder: as into a new one, whatever changed in between."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
import yaml

from livergrade.config.schema import PredictConfig
from livergrade.errors import UserError
from livergrade.inference.grader import Grader
from livergrade.inference.predict_files import predict
from livergrade.io.grades import UNLIKE
from livergrade.runs.finished import mark_finished
from tests.conftest import as_own, draw_image, write_slide

pytestmark = pytest.mark.usefixtures("undrawn")


def outputs(out: Path) -> dict[str, bytes]:
    """All that a start leaves, but for what it keeps, the words that were typed, and the dates of figures."""
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    left = {name: path.read_bytes() for name, path in files.items() if not name.startswith("kept/")}
    return {name: re.sub(rb"<dc:date>.*?</dc:date>", b"", content) for name, content in left.items()}


@pytest.fixture
def start(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Grade into ``out``; check that what is left is what a new folder has; return how often it graded."""
    graded, grade = [], Grader.grade_members
    monkeypatch.setattr(Grader, "grade_members", lambda self, images: graded.append(1) or grade(self, images))
    (tmp_path / "out").mkdir()
    monkeypatch.setenv("LIVERGRADE_TYPED", json.dumps(["livergrade/predict.py"]))

    def begin(*inputs: Path | str, run: Path = tiny_run, why: bool = False) -> int:
        config = PredictConfig(run=str(run), inputs=list(map(str, inputs)), views="1", why=why)
        config.tile_um, config.batch_size, config.workers, config.accelerator = 128, 1, 1, "cpu"
        graded.clear()
        predict(config, tmp_path / "out")
        number = len(graded)
        if number == 0:  # all of it is from earlier starts
            shutil.rmtree(tmp_path / "new", ignore_errors=True)
            (tmp_path / "new").mkdir()
            predict(config, tmp_path / "new")
            assert outputs(tmp_path / "out") == outputs(tmp_path / "new")
        return number

    return begin


def patients(folder: Path) -> dict[str, int]:
    table = pd.read_csv(folder / "out" / "patients.csv", dtype=str)
    return dict(zip(table["patient"], map(int, table["number"]), strict=True))


def test_a_name_in_another_folder_is_another_image(
    start: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, folder in enumerate(("a", "b")):
        draw_image(tmp_path / folder / "images" / "1.png", number, number)
    seen = []
    for folder in ("a", "b", "a"):
        monkeypatch.chdir(tmp_path / folder)
        seen.append((start("images/1.png"), (tmp_path / "out" / "images.csv").read_text()))
    assert [graded for graded, _ in seen] == [1, 1, 0]
    assert seen[0][1] == seen[2][1] != seen[1][1]


def test_an_image_replaced_under_its_name_is_graded_anew(start: Callable[..., int], tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.png" for name in "ab"]
    for number, path in enumerate(paths):
        draw_image(path, number, number)
    assert start(*paths) == 2
    assert start(*paths) == 0
    draw_image(paths[1], 2, 2)
    assert start(*paths) == 1
    paths[0].write_bytes(b"no image")
    with pytest.raises(UserError):
        start(*paths)
    assert list(pd.read_csv(tmp_path / "out" / "images.csv")["image"]) == [str(paths[1])]


def test_patients_and_images_are_those_of_this_starts_table(
    start: Callable[..., int], tmp_path: Path
) -> None:
    names = [f"{number}.png" for number in range(3)]
    for number, name in enumerate(names):
        draw_image(tmp_path / name, number, number)
    wrong, right = tmp_path / "wrong.csv", tmp_path / "right.csv"
    wrong.write_text("image,patient\n0.png,P000\n1.png,P000\n2.png,P000\n")
    right.write_text("image,patient\n0.png,P000\n1.png,P000\n2.png,P200\n")
    assert start(*(tmp_path / name for name in names)) == 3
    assert not (tmp_path / "out" / "patients.csv").exists()
    assert start(wrong) == 0
    assert patients(tmp_path) == {"P000": 3}
    assert start(right) == 0
    assert patients(tmp_path) == {"P000": 2, "P200": 1}
    right.write_text("image,patient\n0.png,P000\n")
    assert start(right) == 0
    assert patients(tmp_path) == {"P000": 1}
    assert start(tmp_path / "1.png") == 0
    assert not (tmp_path / "out" / "patients.csv").exists()


def test_another_network_or_calibration_is_refused_and_a_moved_run_is_not(
    start: Callable[..., int], tiny_run: Path, tmp_path: Path
) -> None:
    draw_image(tmp_path / "a.png", 0, 0)
    assert start(tmp_path / "a.png") == 1
    run = Path(shutil.copytree(tiny_run, tmp_path / "moved"))
    assert start(tmp_path / "a.png", run=run) == 0
    for name in ("calibration.json", "appearance.json", "config.yaml", "checkpoints/best.ckpt"):
        before = (run / name).read_bytes()
        if name.endswith("ckpt"):
            content = torch.load(run / name, weights_only=True)
            content["epoch"] += 1
            torch.save(content, run / name)
        else:
            (run / name).write_bytes(before + b"\n")
        mark_finished(run)
        with pytest.raises(UserError, match=rf"{name}: SHA-256 \w+ there, SHA-256 \w+ now"):
            start(tmp_path / "a.png", run=run)
        (run / name).write_bytes(before)


@pytest.mark.slow
def test_of_an_ensemble_the_files_of_every_member_count(
    start: Callable[..., int], folds: Path, tmp_path: Path
) -> None:
    draw_image(tmp_path / "a.png", 0, 0)
    sweep = Path(shutil.copytree(folds, tmp_path / "sweep"))
    assert start(tmp_path / "a.png", run=sweep) == 1
    assert start(tmp_path / "a.png", run=sweep) == 0
    row = pd.read_csv(tmp_path / "out" / "images.csv").iloc[0]
    assert row["member_spread"] > 0
    for name in ("checkpoints/best.ckpt", "predictions.csv", "appearance.csv"):
        file = next(sweep.glob("2_*")) / name
        before = file.read_bytes()
        file.write_bytes(next(sweep.glob("1_*")).joinpath(name).read_bytes())
        mark_finished(file.parents[name.count("/")])
        with pytest.raises(
            UserError,
            match=rf"member 3 of 3, {name}: SHA-256|2_split\.fold-2[:/]",
        ):
            start(tmp_path / "a.png", run=sweep)
        file.write_bytes(before)
        mark_finished(file.parents[name.count("/")])
    with pytest.raises(UserError, match=r"was made with other options"):
        start(tmp_path / "a.png")


def test_another_command_s_tables_are_not_written_over(start: Callable[..., int], tmp_path: Path) -> None:
    draw_image(tmp_path / "a.png", 0, 0)
    (tmp_path / "out" / "images.csv").write_text("of prepare\n")
    with pytest.raises(UserError, match=r"out: holds images\.csv of another command; choose another out"):
        start(tmp_path / "a.png")
    assert (tmp_path / "out" / "images.csv").read_text() == "of prepare\n"


@pytest.mark.slow
def test_slides_are_known_by_their_bytes_and_the_size_of_their_pixels(
    start: Callable[..., int], tmp_path: Path
) -> None:
    slide, other = (
        write_slide(tmp_path / folder / "s.tif", mpp=None, grain=grain)
        for folder, grain in (("a", 9), ("b", 0))
    )
    table, tiles = tmp_path / "t.csv", tmp_path / "out" / "tiles" / "s.csv"

    def grade(name: str, mpp: float, why: bool = False) -> tuple[int, str]:
        table.write_text(f"slide,mpp,patient\n{name},{mpp},P1\n")
        return start(table, why=why), tiles.read_text()

    wrong, right = grade("a/s.tif", 0.5), grade("a/s.tif", 1.0)
    assert right[0] > wrong[0] > 0
    assert grade("a/s.tif", 1.0) == (0, right[1])
    elsewhere = grade("b/s.tif", 1.0)
    assert elsewhere[0] > 0
    assert elsewhere[1] != right[1]
    assert grade("a/s.tif", 1.0) == (0, right[1])
    shutil.copy(other, slide)
    assert grade("a/s.tif", 1.0, why=True) == elsewhere
    assert grade("a/s.tif", 1.0) == (0, elsewhere[1])  # and the maps of the start before are gone


def test_files_are_of_the_slides_that_are_named_and_can_be_read(
    start: Callable[..., int], tmp_path: Path
) -> None:
    first, second = (write_slide(tmp_path / f"{name}.tif", grain=number) for number, name in enumerate("ab"))
    assert start(first, second) > 0
    assert start(second) == 0
    assert {path.stem for path in (tmp_path / "out" / "maps").iterdir()} == {"b"}
    (kept,) = (tmp_path / "out" / "kept").glob("a-*.csv")
    kept.write_text(kept.read_text().replace("0.3", "0.4"))
    assert start(first, second) > 0  # what was kept was altered
    second.write_bytes(b"no slide")
    with pytest.raises(UserError):
        start(second)
    left = {path.name for folder in ("tiles", "maps") for path in (tmp_path / "out" / folder).iterdir()}
    assert left == set()
    assert not (tmp_path / "out" / "slides.csv").exists()


def called(run: Path, grades: Sequence[str], folder: Path) -> Path:
    """What predict needs of a run, with other names of the grades."""
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "split.csv", "calibration.json", "appearance.json"):
        shutil.copy(run / name, folder / name)
    options = yaml.safe_load((folder / "config.yaml").read_text())
    options["data"]["classes"] = list(grades)
    (folder / "config.yaml").write_text(yaml.safe_dump(options, sort_keys=False))
    content = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    content["hyper_parameters"]["classes"] = list(grades)
    torch.save(content, folder / "checkpoints" / "best.ckpt")
    return as_own(folder)


@pytest.mark.parametrize(
    "grades",
    [
        ("1", "None", "007"),
        pytest.param(("1", "2", "3"), marks=pytest.mark.slow),
        pytest.param(("nan", "NA", "1e5"), marks=pytest.mark.slow),
        pytest.param(("True", "False", "inf"), marks=pytest.mark.slow),
    ],
)
def test_grades_are_names_whatever_they_look_like(
    start: Callable[..., int],
    grades: tuple[str, ...],
    tiny_run: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = called(tiny_run, grades, tmp_path / "run")
    draw_image(tmp_path / "a.png", 0, 0)
    slide = write_slide(tmp_path / "s.tif")
    with caplog.at_level("INFO"):
        assert start(tmp_path / "a.png", slide, run=run) > 1
    first = outputs(tmp_path / "out")
    told = json.loads(first["predictions.json"])
    (image,), (of_slide,) = told["images"], told["slides"]
    assert {image["predicted"], of_slide["predicted"]} <= set(grades)
    counts = ", ".join(f"{grade} ({int(grade == image['answer'])})" for grade in grades)
    assert f"1 image: {counts}" in caplog.text
    assert sum(of_slide[f"area_{grade}"] for grade in grades) + of_slide["unlike"] == pytest.approx(1)
    areas = json.loads(first["maps/s.geojson"])["features"]
    assert {area["properties"]["classification"]["name"] for area in areas} <= {*grades, UNLIKE}
    assert start(tmp_path / "a.png", slide, run=run) == 0
    assert outputs(tmp_path / "out") == first


def test_bits_are_the_runs_or_typed_and_another_number_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 4096, (40, 44, 3), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb")
    config = PredictConfig(run=str(tiny_run), inputs=[str(tmp_path / "a.tif")], views="1", accelerator="cpu")
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=r"a\.tif is a TIFF with values to 40\d\d, .* give data\.bits=12"):
        predict(config, tmp_path / "out")
    config.data.bits = 12
    with pytest.raises(UserError, match=r"data\.bits: None there, 12 now"):
        predict(config, tmp_path / "out")
    (tmp_path / "typed").mkdir()
    predict(config, tmp_path / "typed")
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    options = yaml.safe_load((run / "config.yaml").read_text())
    options["data"]["bits"] = 12
    (run / "config.yaml").write_text(yaml.safe_dump(options))
    as_own(run)
    (tmp_path / "recorded").mkdir()
    config.run, config.data.bits = str(run), None
    predict(config, tmp_path / "recorded")
    typed, recorded = (pd.read_csv(tmp_path / name / "images.csv") for name in ("typed", "recorded"))
    pd.testing.assert_frame_equal(typed, recorded)
