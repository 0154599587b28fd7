"""Random histories of a command: whatever was done before, its outputs are those of a fresh folder.

Each history is a machine of hypothesis: rules change the files and options that a start depends on, and one
rule starts. A start goes on in the folder of the last one; then the same is started into a new folder, and
both must hold the same files, byte by byte.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import shapely
import torch
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from PIL import Image

from livergrade.config.fields import options
from livergrade.config.schema import PredictConfig, PrepareConfig
from livergrade.errors import UserError
from livergrade.inference.predict_files import predict
from livergrade.io.write_below import write_only_below
from livergrade.prepare import prepare
from livergrade.runs.finished import mark_finished
from livergrade.slides.regions import Region, write_regions
from tests.conftest import COLOURS, write_slide

RECORDS = ("kept", "earlier_start", ".")  # what is kept or set aside is of all starts; .hydra is of Hydra
IMAGES = ("a/1.png", "a/2.png", "b/1.png", "b/[1].png")
SLIDES = ("a/s.tif", "b/s.tif", "a/t.tif")
PATIENTS = ("", "P1", "P2", "007", "None")
OTHER_FOLDER = "choose another out"


class Stopped(BaseException):
    """A start ends here, as by a signal."""


def outputs(folder: Path) -> dict[str, bytes]:
    """Content of all files of an output folder, but for the records."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(RECORDS)
        if path.suffix != ".log"
    }


@contextlib.contextmanager
def stopped_after(files: int | None) -> Iterator[None]:
    """Raise :class:`Stopped` in place of putting the next file into its place, after so many were."""
    replace, left = Path.replace, files

    def counted(part: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise Stopped
        left = None if left is None else left - 1
        return replace(part, target)

    Path.replace = counted  # type: ignore[method-assign]
    try:
        yield
    finally:
        Path.replace = replace  # type: ignore[method-assign]


Config = PredictConfig | PrepareConfig
Run = Callable[[Config, Path, int | None], str]
"""Starts with these options into a folder, stopped after so many files; returns the message of a refusal."""


def in_this_process(config: Config, out: Path, stop: int | None) -> str:
    """Run the command's task as the command would.

    Raises:
        Stopped: before it wrote all.
    """
    out.mkdir(parents=True, exist_ok=True)
    try:
        with write_only_below(out), stopped_after(stop):
            if isinstance(config, PredictConfig):
                predict(config, out)
            else:
                prepare(config, out)
    except UserError as error:
        return str(error)
    return ""


def in_its_own_process(config: Config, out: Path, stop: int | None) -> str:
    """Run the command, and kill it after so many thirds of a second.

    Raises:
        Stopped: it was killed.
    """
    name = "predict" if isinstance(config, PredictConfig) else "prepare"
    default = {key: value for key, _, value in options(type(config)())}
    typed = [f"out={out}"]
    for key, _, value in options(config):
        if isinstance(value, list) and value != default[key]:
            typed += value
        elif value != default[key]:
            typed.append(f"{key}={'null' if value is None else value}")
    command = [sys.executable, "-m", f"livergrade.{name}", *typed]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            told = process.communicate(timeout=120 if stop is None else stop / 3)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            raise Stopped from None
    assert "Traceback" not in told
    lines = [line for line in told.splitlines() if "%|" not in line]  # but for the progress
    return "\n".join(lines).strip() if process.returncode else ""


def write(path: Path, content: bytes, *, in_place: bool, old_date: bool) -> None:
    """Give a file another content: in place or as a new file, with its old date or a new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dates = path.stat() if path.exists() else None
    if not in_place:
        path.unlink(missing_ok=True)
    path.write_bytes(content)
    if old_date and dates:
        os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


class History(RuleBasedStateMachine):
    """A folder of inputs, and an output folder that starts go on in."""

    run: Run = staticmethod(in_this_process)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="history"))
        self.number, self.fresh = 0, 0
        self.here = Path.cwd()

    @property
    def out(self) -> Path:
        """The folder that starts go on in; another one after a refusal that says so."""
        return self.folder / f"out{self.number}"

    def start(self, config: Config, stop: int | None) -> None:
        """Start, to its end or not; then hold the outputs against those of a fresh folder.

        A start that is refused leaves those of the last one as they are.
        """
        before = outputs(self.out)
        try:
            told = self.run(config, self.out, stop)
        except Stopped:
            return
        if OTHER_FOLDER in told:
            self.number += 1
            before = {}
            told = self.run(config, self.out, None)
        self.fresh += 1
        fresh = self.folder / f"fresh{self.fresh}"
        assert self.run(config, fresh, None) == told.replace(str(self.out), str(fresh))
        found, expected = outputs(self.out), outputs(fresh)
        if told and not expected and not re.search("slides? failed", told):
            expected = before  # refused before any work; where each slide failed, a new folder is empty too
        assert found.keys() == expected.keys()
        for name, content in expected.items():
            assert found[name].replace(bytes(self.out), bytes(fresh)) == content, name
        shutil.rmtree(fresh, ignore_errors=True)  # a refused command leaves none

    def teardown(self) -> None:
        """Leave nothing behind."""
        os.chdir(self.here)
        shutil.rmtree(self.folder)


def png(grade: int, seed: int | None = None) -> bytes:
    """A picture of its own grade, and of its own grain where there are several."""
    rng = np.random.default_rng(grade if seed is None else seed)
    pixels = rng.normal(90 + 30 * grade, 12 + 5 * grade, (40, 44, 3)).clip(0, 255).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(pixels).save(Path(folder) / "a.png")
        return (Path(folder) / "a.png").read_bytes()


def tif(grain: int) -> bytes:
    """A slide of its own grain."""
    with tempfile.TemporaryDirectory() as folder:
        return write_slide(Path(folder) / "a.tif", None, grain=grain).read_bytes()


def predicting(run: Path) -> type[History]:
    """Histories of ``predict`` with the network of this run, and of this run trained again."""
    pictures, slides = [png(seed) for seed in range(4)], [tif(grain) for grain in (0, 9)]
    checkpoints = [(run / "checkpoints" / "best.ckpt").read_bytes(), _trained_again(run)]
    which = {"in_place": st.booleans(), "old_date": st.booleans()}

    class Predicting(History):
        def __init__(self) -> None:
            super().__init__()
            shutil.copytree(run, self.folder / "run")
            for number, name in enumerate(IMAGES):
                write(self.folder / name, pictures[number % 3], in_place=True, old_date=False)
            for name in SLIDES[:2]:
                write(self.folder / name, slides[0], in_place=True, old_date=False)
            self.options: dict[str, object] = {}
            self.patients = dict.fromkeys(IMAGES, "")
            self.sizes = dict.fromkeys(SLIDES, "0.5")
            self.named: list[str] = ["a/1.png"]
            self.go("a")
            self.named = ["1.png"]

        @rule(name=st.sampled_from(IMAGES), content=st.integers(0, 3), **which)
        def picture(self, name: str, content: int, in_place: bool, old_date: bool) -> None:
            write(self.folder / name, pictures[content], in_place=in_place, old_date=old_date)

        @rule(name=st.sampled_from(SLIDES), content=st.integers(0, 1), **which)
        def slide(self, name: str, content: int, in_place: bool, old_date: bool) -> None:
            write(self.folder / name, slides[content], in_place=in_place, old_date=old_date)

        @rule(names=st.permutations(IMAGES))
        def swap(self, names: list[str]) -> None:
            one, other = (self.folder / name for name in names[:2])
            if one.exists() and other.exists():
                one.rename(self.folder / "between")
                other.rename(one)
                (self.folder / "between").rename(other)

        @rule(name=st.sampled_from((*IMAGES[1:], *SLIDES)))
        def remove(self, name: str) -> None:
            (self.folder / name).unlink(missing_ok=True)

        @rule(name=st.sampled_from(IMAGES), patient=st.sampled_from(PATIENTS))
        def label(self, name: str, patient: str) -> None:
            self.patients[name] = patient

        @rule(name=st.sampled_from(SLIDES), mpp=st.sampled_from(["0.5", "0.25", "1"]))
        def pixel_size(self, name: str, mpp: str) -> None:
            self.sizes[name] = mpp

        @rule(folder=st.sampled_from(["a", "b"]))
        def go(self, folder: str) -> None:
            os.chdir(self.folder / folder)

        @rule(
            named=st.one_of(
                st.lists(st.sampled_from(["1.png", "2.png", "[1].png", "*.png"]), min_size=1, max_size=3),
                st.just(["."]),
                st.just(["../images.csv"]),
                st.just(["../slides.csv"]),
                st.just(["../a/1.png", "../b/1.png"]),
            )
        )
        def name(self, named: list[str]) -> None:
            self.named = named

        @rule(
            option=st.sampled_from(
                [
                    *(("views", value) for value in (None, "upright", "2")),
                    *(("coverage", value) for value in (0.8, 0.9)),
                    *(("abstain", value) for value in (None, 0.6)),
                    *(("tile_um", value) for value in (120.0, 160.0)),
                    *(("calibrated", value) for value in (True, False)),
                    ("slide_mpp", 0.5),
                ]
            )
        )
        def choose(self, option: tuple[str, object]) -> None:
            self.options[option[0]] = option[1]

        @rule(times=st.integers(0, 1), old_date=st.booleans())
        def train(self, times: int, old_date: bool) -> None:
            file = self.folder / "run" / "checkpoints" / "best.ckpt"
            write(file, checkpoints[times], in_place=True, old_date=old_date)
            mark_finished(self.folder / "run")

        @rule(how=st.sampled_from(["removed", "changed", "of another"]))
        def spoil(self, how: str) -> None:
            table = self.out / "images.csv"
            if not table.exists():  # asked here, since when a process is killed differs from try to try
                return
            if how == "removed":
                table.unlink()
            elif how == "changed":
                table.write_text(table.read_text().replace("0.3", "0.4"))
            elif (record := self.out / "kept" / "record.json").exists():
                record.write_text(record.read_text().replace("0.3", "0.4"))

        @rule()
        def predict(self) -> None:
            self.begin(None)

        @rule()
        def predict_again(self) -> None:
            self.begin(None)

        @rule(stop=st.integers(0, 12))
        def predict_stopped(self, stop: int) -> None:
            self.begin(stop)

        def begin(self, stop: int | None) -> None:
            for table, column, values in (
                ("images", "patient", self.patients),
                ("slides", "mpp", self.sizes),
            ):
                rows = [f"{name},{value}" for name, value in values.items() if (self.folder / name).exists()]
                text = "\n".join([f"{table[:-1]},{column}", *rows])
                (self.folder / f"{table}.csv").write_text(text + "\n")
            given = {"tile_um": 160.0, "batch_size": 1, "workers": 1, "accelerator": "cpu", **self.options}
            config = PredictConfig(run=str(self.folder / "run"), inputs=self.named, **given)  # type: ignore[arg-type]
            self.start(config, stop)

    return Predicting


def _trained_again(run: Path) -> bytes:
    """The checkpoint of the run with other weights."""
    with tempfile.TemporaryDirectory() as folder:
        content = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
        generator = torch.Generator().manual_seed(0)
        for name, tensor in content["state_dict"].items():
            if name.endswith("fc.weight"):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
        torch.save(content, Path(folder) / "best.ckpt")
        return (Path(folder) / "best.ckpt").read_bytes()


def preparing() -> type[History]:
    """Histories of ``prepare``: slides, marked regions, a table and options that change."""
    slides = [tif(grain) for grain in (0, 9)]
    squares = [shapely.box(x, y, x + side, y + side) for x, y, side in COLOURS]
    which = {"in_place": st.booleans(), "old_date": st.booleans()}
    names = ("s", "t")

    class Preparing(History):
        def __init__(self) -> None:
            super().__init__()
            self.options: dict[str, object] = {}
            self.rows = {"s": ("P1", "poor", "0.5"), "t": ("P2", "well", "0.5")}
            self.marked = {name: [0] for name in names}
            self.classes = dict.fromkeys(names, ("", ""))
            self.place, self.chosen = "a", list(names)
            for folder in ("a", "b"):
                for name in names:
                    write(self.folder / folder / f"{name}.tif", slides[0], in_place=True, old_date=False)

        @rule(
            folder=st.sampled_from(["a", "b"]),
            name=st.sampled_from(names),
            content=st.integers(0, 1),
            **which,
        )
        def slide(self, folder: str, name: str, content: int, in_place: bool, old_date: bool) -> None:
            path = self.folder / folder / f"{name}.tif"
            write(path, slides[content], in_place=in_place, old_date=old_date)

        @rule(
            name=st.sampled_from(names),
            patient=st.sampled_from(PATIENTS[1:]),
            grade=st.sampled_from(["poor", "well"]),
            mpp=st.sampled_from(["0.5", "0.4"]),
        )
        def correct(self, name: str, patient: str, grade: str, mpp: str) -> None:
            self.rows[name] = (patient, grade, mpp)

        @rule(
            name=st.sampled_from(names),
            regions=st.lists(st.integers(0, 3), min_size=1, max_size=2, unique=True),
        )
        def mark(self, name: str, regions: list[int]) -> None:
            self.marked[name] = regions

        @rule(
            name=st.sampled_from(names),
            kind=st.sampled_from(["", "poor", "WELL", "Tumor: well", "Necrosis", "Ignore*"]),
            label=st.sampled_from(["", "007", "lobe"]),
        )
        def classify(self, name: str, kind: str, label: str) -> None:
            self.classes[name] = (kind, label)

        @rule(folder=st.sampled_from(["a", "b"]), chosen=st.sampled_from([["s"], ["t"], ["s", "t"]]))
        def name(self, folder: str, chosen: list[str]) -> None:
            self.place, self.chosen = folder, chosen

        @rule(
            option=st.sampled_from(
                [
                    *(("width", value) for value in (100, 90)),
                    *(("columns", value) for value in (1, 2)),
                    *(("mpp", value) for value in (0.5, 0.6)),
                    *(("min_tissue", value) for value in (0.0, 0.9)),
                    *(("max_burnt", value) for value in (0.02, 1.0)),
                    *(("region_class", value) for value in (None, "{Necrosis: table, else: last}", "skip")),
                    *(("grade_conflict", value) for value in ("refuse", "region")),
                ]
            )
        )
        def choose(self, option: tuple[str, object]) -> None:
            self.options[option[0]] = option[1]

        @rule(which=st.integers(0, 9), how=st.sampled_from(["removed", "swapped", "another"]))
        def spoil(self, which: int, how: str) -> None:
            images = sorted(self.out.glob("images/*.png"))
            if not images:
                return
            image, other = images[which % len(images)], images[(which + 1) % len(images)]
            if how == "another":
                image.write_bytes(png(which))
            elif how == "removed":
                image.unlink()
            elif image != other:
                content = image.read_bytes()
                image.write_bytes(other.read_bytes())
                other.write_bytes(content)

        @rule()
        def prepare(self) -> None:
            self.begin(None)

        @rule(stop=st.integers(0, 12))
        def prepare_stopped(self, stop: int) -> None:
            self.begin(stop)

        def begin(self, stop: int | None) -> None:
            rows = [",".join((name, *row)) for name, row in self.rows.items()]
            (self.folder / "table.csv").write_text("\n".join(["slide,patient,grade,mpp", *rows]) + "\n")
            (self.folder / "marked").mkdir(exist_ok=True)
            for name, numbers in self.marked.items():
                kind, label = self.classes[name]
                regions = [Region(f"R{number}", kind, squares[number], label) for number in numbers]
                write_regions(regions, self.folder / "marked" / f"{name}.geojson")
            size = {"width": 100, "height": 80, "mpp": 0.5, "rows": 1, "columns": 2, "min_focus": 0.0}
            config = PrepareConfig(
                slides=[str(self.folder / self.place / f"{name}.tif") for name in self.chosen],
                regions=str(self.folder / "marked"),
                table=str(self.folder / "table.csv"),
                **(size | self.options),  # type: ignore[arg-type]
            )
            self.start(config, stop)

    return Preparing
