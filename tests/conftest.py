"""A tiny cohort on disk, and a way to run the command in this process."""

import gc
import os
import sys

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as the commands do, before torch is imported

import contextlib
import copy
import functools
import importlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from jinja2 import Environment
from PIL import Image

from livergrade.models.catalog import NAMES

# Torch and Matplotlib are imported where they are used: processes that tests start import this file, too.

GRADES = ("poor", "moderate", "well")


def draw_image(path: Path, seed: int, grade: int, size: tuple[int, int] = (44, 40)) -> None:
    """A picture whose darkness and grain tell its grade."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(90 + 60 * grade, 12 + 10 * grade, (size[1], size[0], 3)).clip(0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def write_cohort(folder: Path, patients: int = 4, images: int = 2) -> Path:
    """``patients`` of each grade with so many images; returns the manifest."""
    rows = []
    for code, grade in enumerate(GRADES):
        for patient in range(patients):
            for number in range(images):
                image = f"{grade}/{grade[0].upper()}{patient:02d}_{number}.png"
                draw_image(folder / image, 1000 * code + 10 * patient + number, code)
                rows.append((image, f"{grade[0].upper()}{patient:02d}", grade, "F" if patient % 2 else "M"))
    manifest = folder / "cohort.csv"
    pd.DataFrame(rows, columns=["image", "patient", "grade", "sex"]).to_csv(manifest, index=False)
    return manifest


COLOURS = {
    (64, 64, 256): (200, 60, 140),
    (640, 96, 256): (90, 50, 160),
    (96, 448, 256): (220, 120, 180),
    (640, 416, 256): (150, 30, 90),
}
"""The squares on the slide that :func:`write_slide` writes: x, y and side, and their colour."""


def write_slide(path: Path, mpp: float | None = 0.5, *, grain: int = 0, icc: bytes | None = None) -> Path:
    """A tiled pyramid of 1024 × 768 px and three levels that OpenSlide reads; coloured squares on glass."""
    import tifffile

    pixels = np.full((768, 1024, 3), 245, np.uint8)
    for (x, y, side), colour in COLOURS.items():
        noise = np.random.default_rng(x).integers(-grain, grain + 1, (side, side, 1))
        pixels[y : y + side, x : x + side] = np.clip(np.array(colour) + noise, 0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as file:
        for level in range(3):
            options = {"subfiletype": 1} if level else {}
            if icc:
                options |= {"iccprofile": icc}
            if mpp:
                options |= {"resolution": (1e4 / mpp / 2**level,) * 2, "resolutionunit": "CENTIMETER"}
            shown = pixels[:: 2**level, :: 2**level] if not level else _halved(pixels, level)
            file.write(
                shown, tile=(128, 128), photometric="rgb", compression="deflate", metadata=None, **options
            )
    return path


def _halved(pixels: np.ndarray, times: int) -> np.ndarray:
    side = 2**times
    height, width, _ = pixels.shape
    return pixels.reshape(height // side, side, width // side, side, 3).mean((1, 3)).round().astype(np.uint8)


def _element(tag: tuple[int, int], kind: str, value: bytes | str | int) -> bytes:
    """An element of DICOM, explicit, little endian; a number has two bytes, or four where the kind is UL."""
    if isinstance(value, int):
        value = value.to_bytes(4 if kind == "UL" else 2, "little")
    if isinstance(value, str):
        value = value.encode() + (b"\0" if kind == "UI" else b" ") * (len(value) % 2)
    length = len(value).to_bytes(4, "little") if kind in ("OB", "SQ") else len(value).to_bytes(2, "little")
    number = b"".join(part.to_bytes(2, "little") for part in tag)
    return number + kind.encode() + (b"\0\0" if kind in ("OB", "SQ") else b"") + length + value


def write_dicom(
    path: Path, series: str, *, side: int = 128, mpp: float = 0.5, number: int = 1, slide: bool = True
) -> Path:
    """A level of a DICOM slide that OpenSlide reads: one colour, ``side`` pixels, in tiles of 32 px.

    Args:
        path: the file.
        series: Series Instance UID.
        side: of the level, pixels.
        mpp: µm per pixel.
        number: makes its identifier another one.
        slide: whether it is of the class of slides.
    """

    def sequence(tag: tuple[int, int], item: bytes) -> bytes:
        head = b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little")
        return _element(tag, "SQ", head + item)

    of_class = "1.2.840.10008.5.1.4.1.1.77.1.6" if slide else "1.2.840.10008.5.1.4.1.1.2"
    tile, tiles = 32, (side // 32) ** 2
    kinds = ((2, 1, "OB", b"\0\1"), (2, 2, "UI", of_class), (2, 3, "UI", f"1.2.3.{number}"))
    head = b"".join(_element((group, of), kind, value) for group, of, kind, value in kinds)
    head += _element((2, 0x10), "UI", "1.2.840.10008.1.2.1") + _element((2, 0x12), "UI", "1.2.3.99")
    spacing = sequence((0x28, 0x9110), _element((0x28, 0x30), "DS", f"{mpp / 1000:.6f}\\{mpp / 1000:.6f}"))
    image = [
        (0x08, 0x08, "CS", "ORIGINAL\\PRIMARY\\VOLUME\\NONE"),
        *((0x08, 0x16, "UI", of_class), (0x08, 0x18, "UI", f"1.2.3.{number}"), (0x08, 0x60, "CS", "SM")),
        *((0x20, 0x0D, "UI", "1.2.3"), (0x20, 0x0E, "UI", series), (0x20, 0x52, "UI", "1.2.3.4")),
        *((0x20, 0x9311, "CS", "TILED_FULL"), (0x28, 2, "US", 3), (0x28, 4, "CS", "RGB"), (0x28, 6, "US", 0)),
        *((0x28, 8, "IS", str(tiles)), (0x28, 0x10, "US", tile), (0x28, 0x11, "US", tile)),
        *((0x28, 0x100, "US", 8), (0x28, 0x101, "US", 8), (0x28, 0x102, "US", 7), (0x28, 0x103, "US", 0)),
        *((0x48, 6, "UL", side), (0x48, 7, "UL", side)),
    ]
    body = b"".join(_element((group, of), kind, value) for group, of, kind, value in image)
    body += sequence((0x5200, 0x9229), spacing)
    body += _element((0x7FE0, 0x10), "OB", bytes((200, 60, 140)) * (tile * tile * tiles))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0" * 128 + b"DICM" + _element((2, 0), "UL", len(head)) + head + body)
    return path


# ── what makes tests fast ────────────────────────────────────────────────────────────────────────────────

TINY = ("model=timm", "model.backbone=test_resnet")
"""A network of a third of a million weights, in other processes too, for what is true of any network."""


@functools.cache
def _originals() -> tuple[dict[str, Callable[..., object]], Callable[..., object]]:
    """What :func:`undrawn` and :func:`narrow` replace, looked up before either does."""
    from matplotlib.figure import Figure

    from livergrade.models import resnet

    return {name: getattr(Figure, name) for name in BLANK}, resnet.resnet50


@contextlib.contextmanager
def _replaced(
    drawing: Mapping[str, Callable[..., object]], resnet50: Callable[..., object] | None, hidden: int = 4096
) -> Iterator[None]:
    from matplotlib.figure import Figure

    from livergrade.models import resnet, vgg

    with pytest.MonkeyPatch.context() as patch:
        for name, function in drawing.items():
            patch.setattr(Figure, name, function)
        if resnet50:
            patch.setattr(resnet, "resnet50", resnet50)
            patch.setattr(vgg, "HIDDEN", hidden)
        yield


def _save_blank(figure: object, target: object, *, format: str | None = None, **options: object) -> None:  # noqa: A002
    from matplotlib.figure import Figure

    _originals()[0]["savefig"](Figure(figsize=(1, 1)), target, format=format)


BLANK: dict[str, Callable[..., object]] = {
    "savefig": _save_blank,
    "draw": lambda figure, renderer: None,
    "findobj": lambda figure, match=None, include_self=True: [],
}
"""Methods of Matplotlib's figures that make no tick, no text and no pixel."""


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Every figure is made, and saved as a blank one: to draw them all takes longer than a small run."""
    _originals()
    with _replaced(BLANK, None):
        yield


@pytest.fixture
def drawn() -> Iterator[None]:
    """In a module that is :func:`undrawn`, figures of one test as they are."""
    with _replaced(_originals()[0], None):
        yield


@pytest.fixture(scope="module")
def narrow() -> Iterator[None]:
    """ResNet50, CBAM and SENet with 3×3 convolutions of an eighth of their channels; all else is as it is.

    The layers, their names and the 2,048 features are the same, with 4 million weights for 24. VGG16 has 64
    hidden features for 4,096.
    """
    with narrowed():
        yield


def narrowed() -> contextlib.AbstractContextManager[None]:
    """While it is entered, networks are built as :func:`narrow` says."""
    return _replaced({}, functools.partial(_originals()[1], width=8), hidden=64)


@pytest.fixture(scope="module")
def unreported() -> Iterator[None]:
    """Runs have neither figures nor a report, which take as long as a small run itself."""
    from livergrade.reports import results

    with pytest.MonkeyPatch.context() as patch:
        for name in ("plot_run", "plot_uncertainty"):
            patch.setattr(results, name, lambda *given, **named: {})
        patch.setattr(results, "write_report", lambda run: None)
        yield


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that one worker of pytest-xdist fills and all of them read; a test copies what it changes."""
    root = factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, made = root / "shared" / name, root / "shared" / f"{name}.made"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(root / "shared" / f"{name}.lock"):
        if not made.exists():  # if making it failed here, the other worker fails alike, in its own words
            folder.mkdir(exist_ok=True)
            # Undrawn, and of networks of their own width, whatever module is the first to ask.
            with _replaced(BLANK, _originals()[1]):
                make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a test does not put elsewhere is cached in its folder, not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        if "LIVERGRADE_CACHE" not in os.environ:
            patch.setenv("LIVERGRADE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


_COMPILE, _compiled = Environment.compile, {}


def _compile_once(pages: Environment, *given: object, **named: object) -> object:
    choices = (pages.autoescape, pages.finalize, pages.trim_blocks, pages.lstrip_blocks)
    key = (*choices, pages.keep_trailing_newline, given, *named.items())
    if key not in _compiled:
        _compiled[key] = _COMPILE(pages, *given, **named)
    return _compiled[key]


@pytest.fixture(scope="session", autouse=True)
def _templates_compiled_once() -> Iterator[None]:
    """The same text is compiled once and not for each report, of which the tests write a hundred."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", _compile_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _options_composed_once() -> Iterator[None]:
    """Hydra composes all options twice, at first to look for ``hydra.mode`` alone, which no test sets.

    And OmegaConf reads the files of ``conf/`` with libyaml, by the same rules; and it copies what it notes of
    each option attribute by attribute, for Hydra copies all options many times.
    """
    import types

    import yaml
    from hydra._internal.hydra import Hydra
    from omegaconf import _utils
    from omegaconf.base import Metadata

    def copied(noted: Metadata, memo: dict[int, object]) -> Metadata:
        new, cache = copy.copy(noted), noted.resolver_cache  # types, a name, and two dicts
        new.flags = dict(noted.flags or {})
        new.resolver_cache = copy.deepcopy(cache, memo) if cache else cache.copy()
        return new

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Metadata, "__deepcopy__", copied, raising=False)
        patch.setattr(Hydra, "get_mode", lambda hydra, config_name, overrides: None)
        with patch.context() as libyaml:
            libyaml.setattr(
                _utils, "yaml", types.SimpleNamespace(**{**vars(yaml), "SafeLoader": yaml.CSafeLoader})
            )
            loader = _utils.get_yaml_loader()
        patch.setattr(_utils, "get_yaml_loader", lambda: loader)
        yield


@pytest.fixture(scope="session", autouse=True)
def _weights_drawn_once() -> Iterator[None]:
    """He initialisation copies drawn numbers, of which there are as many as in ResNet50's largest layer."""
    import torch
    from torch.nn import init

    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(2_500_009, generator=generator) * 2 - 1
    normal = torch.randn(2_500_009, generator=generator)

    def filled(tensor: torch.Tensor, numbers: torch.Tensor, scale: float) -> torch.Tensor:
        count = tensor.numel()
        if tensor.is_meta:
            return tensor
        with torch.no_grad():
            start = int(torch.randint(len(numbers), (1,)))  # by the seed that was set, as before
            times = -(-(start + count) // len(numbers))
            values = (
                numbers.repeat(times)[start : start + count] if times > 1 else numbers[start : start + count]
            )
            return tensor.copy_(values.view(tensor.shape)).mul_(scale)

    def kaiming_uniform(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
        gain = init.calculate_gain(nonlinearity, a)
        return filled(tensor, uniform, gain * (3 / init._calculate_correct_fan(tensor, mode)) ** 0.5)

    def kaiming_normal(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
        gain = init.calculate_gain(nonlinearity, a)
        return filled(tensor, normal, gain / init._calculate_correct_fan(tensor, mode) ** 0.5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(init, "kaiming_uniform_", kaiming_uniform)
        patch.setattr(init, "kaiming_normal_", kaiming_normal)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests of what takes long to make first: one worker gets them all, and none waits for another."""

    def made_at_once(item: pytest.Item) -> bool:
        return item.path.name != "test_export.py" and "sweep" not in getattr(item, "fixturenames", ())

    items.sort(key=made_at_once)


def pytest_collection() -> None:
    """Have the garbage collector wait while packages and tests are imported, which all stay to the end."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Have the garbage collector look no more at what stays, and seldom at what tests leave behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50000, 20, 20)
    gc.enable()


_with_slow = False


def pytest_configure(config: pytest.Config) -> None:
    """Note before any test is imported whether the slow tests are run, too."""
    global _with_slow
    _with_slow = "not slow" not in config.option.markexpr


def with_slow() -> bool:
    """Whether the slow tests are run, too."""
    return _with_slow


def examples(number: int) -> int:
    """How many examples to try of so many: all of them along with the slow tests, a third with the fast."""
    return number if _with_slow else -(-number // 3)


def swept() -> tuple[str, ...]:
    """The networks of :func:`sweep`: all along with the slow tests, two of the narrow ones with the fast."""
    return tuple(NAMES) if _with_slow else FAST


FAST = ("cbam", "senet")


def telling(cases: Sequence[Any], *, fast: Container[int]) -> list[Any]:
    """The cases of a family, of which those with the numbers ``fast`` each tell something of their own.

    The others go the same way through the code, and are run with the slow tests.
    """
    return [
        case if number in fast else pytest.param(*_values(case), marks=pytest.mark.slow)
        for number, case in enumerate(cases)
    ]


def _values(case: object) -> tuple[object, ...]:
    return case if isinstance(case, tuple) else (case,)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of a cohort of 12 patients and 24 images."""
    return made_once(tmp_path_factory, "cohort", write_cohort) / "cohort.csv"


def small_options(manifest: Path) -> list[str]:
    """Options that make a run on the cohort of :func:`write_cohort` a matter of seconds."""
    return [
        "data=manifest",
        f"data.manifest={manifest}",
        "data.image_size=32",
        "data.batch_size=6",
        "split.test_fraction=0.25",
        "split.val_fraction=0.34",
        "optim=sgd",
        "optim.lr=0.01",
        "augment.test_views=2",
        "trainer.accelerator=cpu",
        "trainer.max_epochs=1",
        "trainer.progress=false",
        "trainer.map_patients=0",
    ]


@pytest.fixture(scope="session")
def small(manifest: Path) -> list[str]:
    """These options, with a cache for all tests."""
    return [*small_options(manifest), f"data.cache_dir={manifest.parents[1] / 'cache'}"]


def prediction_columns(classes: Sequence[str]) -> list[str]:
    """The columns of ``predictions.csv``, without carried ones."""
    return ["image", "patient", "split", "angle", "grade", "predicted", *(f"p_{name}" for name in classes)]


def command(name: str, *words: str, outputs: Path) -> None:
    """``python -m livergrade.<name>`` in this process."""
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    argv, before = sys.argv, os.environ.get("LIVERGRADE_OUTPUTS")
    sys.argv = [f"{name}.py", *words]
    os.environ["LIVERGRADE_OUTPUTS"] = str(outputs)
    try:
        importlib.import_module(f"livergrade.{name}").main()
    finally:
        sys.argv = argv
        os.environ.pop("LIVERGRADE_OUTPUTS")
        if before is not None:
            os.environ["LIVERGRADE_OUTPUTS"] = before


train = functools.partial(command, "train")


def finished_run(
    folder: Path,
    model: str,
    *,
    kind: str = "patient",
    seed: int = 0,
    fold: int = 0,
    skill: float = 0.6,
    patients: int = 30,
    options: Mapping[str, object] | None = None,
    split_seed: int | None = None,
) -> Path:
    """A run's folder as training leaves it, less the network, with answers drawn at random.

    Args:
        folder: made here.
        model: as ``model.name`` takes it.
        kind: of the split; of ``kfold`` the folds are 2.
        seed: of the split and of the answers.
        fold: which fold is tested.
        skill: how much more probable the true grade is.
        patients: of the cohort; two images each, graded poor, moderate, well in turn.
        options: further options, dotted.
        split_seed: of the split, if it is another than ``seed``.
    """
    from livergrade.config.schema import TrainConfig
    from livergrade.evaluation.predictions import write_predictions
    from livergrade.evaluation.splits import write_split
    from livergrade.evaluation.summary import evaluate
    from livergrade.io.files import write_json
    from livergrade.runs.finished import mark_finished
    from livergrade.runs.folder import save_config

    config = TrainConfig(seed=seed)
    split_seed = seed if split_seed is None else split_seed
    config.model.name, config.split.name, config.split.seed = model, kind, split_seed
    config.split.folds, config.split.fold = 2, fold
    for key, value in (options or {}).items():
        group, name = key.split(".")
        setattr(getattr(config, group), name, value)
    images = [
        (f"{number:03d}_{image}.png", f"P{number:03d}", GRADES[number % 3])
        for number in range(patients)
        for image in range(2)
    ]
    split = pd.DataFrame(images, columns=["image", "patient", "grade"])
    unit = split.index if kind == "image" else split.index // 6  # so that every grade is on every side
    tested = (unit % 2 == fold) if kind == "kfold" else (unit + split_seed) % 4 == 0
    split["split"] = np.where(tested, "test", "train")
    split["sha256"] = [f"{number:064x}" for number in range(len(split))]
    test = split[split["split"] == "test"].drop(columns="sha256")
    rng = np.random.default_rng([seed, fold, sum(map(ord, model)), len(kind)])
    truth = np.array([GRADES.index(grade) for grade in test["grade"]])
    scores = rng.dirichlet(np.ones(3), len(test)) + skill * np.eye(3)[truth]
    scores /= scores.sum(1, keepdims=True)
    table = test.assign(angle=0.0)[["image", "patient", "split", "angle", "grade"]]
    table["predicted"] = [GRADES[called] for called in scores.argmax(1)]
    table[[f"p_{grade}" for grade in GRADES]] = scores
    table["sex"] = np.where(test["patient"].str[-1].astype(int) % 2, "F", "M")
    folder.mkdir(parents=True)
    save_config(folder, config)
    write_split(split, folder / "split.csv")
    write_predictions(table, folder / "predictions.csv")
    write_json(evaluate(table, split, resamples=20), folder / "metrics.json")
    write_json(
        {
            "command": "python -m livergrade.train",
            "initialisation": "random",
            "parameters": 5,
            "epochs": 3,
            "seconds": 60.0,
        },
        folder / "environment.json",
    )
    epochs = np.arange(3)
    history = {"epoch": epochs + 1, "train/accuracy": 0.5 + epochs / 10, "val/accuracy": 0.4 + epochs / 10}
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    mark_finished(folder)
    return folder


def as_own(folder: Path) -> Path:
    """Have a run whose files a test changed hold together again, as if it had been made with them."""
    import torch

    from livergrade.evaluation.splits import read_split_table
    from livergrade.runs.checkpoint_mark import checkpoint_mark
    from livergrade.runs.finished import mark_finished
    from livergrade.runs.folder import read_options

    best = folder / "checkpoints" / "best.ckpt"
    if best.is_file():
        content = torch.load(best, weights_only=True)
        mark = checkpoint_mark(read_options(folder), read_split_table(folder / "split.csv"))
        content["hyper_parameters"] |= mark
        torch.save(content, best)
    mark_finished(folder)
    return folder


@pytest.fixture
def run(tmp_path: Path, small: list[str]) -> Callable[..., Path]:
    """Run the command with the small options and more, on a small network; returns the run folder."""

    def start(*words: str, model: str | None = None) -> Path:
        folder = tmp_path / "run"
        network = [f"model={model}"] if model else TINY
        train(*network, *small, f"hydra.run.dir={folder}", *words, outputs=tmp_path)
        return folder

    return start


@pytest.fixture(scope="session")
def tiny_run(small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a small network, for tests that copy what they change of it."""

    def make(folder: Path) -> None:
        train(*TINY, *small, f"hydra.run.dir={folder / 'run'}", outputs=folder)

    return made_once(tmp_path_factory, "tiny_run", make) / "run"


@pytest.fixture(scope="session")
def sweep(small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep over the networks, narrow ones, run once; its figures are blank ones."""

    def make(folder: Path) -> None:
        words = ["-m", f"model={','.join(swept())}", *small, "trainer.limit_batches=2"]
        with narrowed():
            train(*words, f"hydra.sweep.dir={folder}", outputs=folder)

    return made_once(tmp_path_factory, "sweep", make)


@pytest.fixture(scope="session")
def folds(small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished cross-validation of a small network, three folds; tests copy what they change of it."""

    def make(folder: Path) -> None:
        words = ["-m", *TINY, *small, "split=kfold", "split.folds=3", "split.fold=0,1,2"]
        train(*words, f"hydra.sweep.dir={folder / 'sweep'}", outputs=folder)

    return made_once(tmp_path_factory, "folds", make) / "sweep"
