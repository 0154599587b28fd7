"""A run's folder from a stranger: its options and side files are data, and data may be wrong in any way."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.faults.hostile.case import Case, Place

Change = Callable[[Place], None]
IMAGE = "poor/P00_0.png"
LONG = "x" * 3000


def words(command: str, place: Place) -> list[str]:
    """What is typed to use the run."""
    return {
        "predict": [f"run={place.run}", f"out={place.out}", str(place.manifest.parent / IMAGE)],
        "explain": [f"run={place.run}", f"out={place.out}"],
        "export": [f"run={place.run}", f"out={place.out}"],
        "evaluate": [f"run={place.run}", f"hydra.run.dir={place.out}", "trainer=cpu"],
        "compare": [f"runs=[{place.run}]", f"hydra.run.dir={place.out}"],
        "train": [f"train.resume={place.run}", "trainer.max_epochs=2"],  # it has finished
    }[command]


def case(name: str, command: str, change: Change, refused: str | None) -> Case:
    """A change of the run, which a command is then given."""

    def prepare(place: Place) -> list[str]:
        change(place)
        return words(command, place)

    return Case(name, command, prepare, refused)


def option(key: str, value: Any) -> Change:
    """Write another value of an option into ``config.yaml``."""

    def change(place: Place) -> None:
        path = place.run / "config.yaml"
        options = yaml.safe_load(path.read_text("utf-8"))
        *groups, last = key.split(".")
        inner = options
        for group in groups:
            inner = inner[group]
        inner[last] = value
        path.write_text(yaml.safe_dump(options, sort_keys=False, width=10**6), "utf-8")

    return change


def text(name: str, edit: Callable[[str], str]) -> Change:
    """Edit the text of a file of the run."""

    def change(place: Place) -> None:
        path = place.run / name
        path.write_text(edit(path.read_text("utf-8")), "utf-8")

    return change


def content(name: str, data: bytes) -> Change:
    """Write another content of a file of the run."""
    return lambda place: (place.run / name).write_bytes(data) and None


def value(name: str, key: str, new: Any) -> Change:
    """Write another value into a JSON file of the run; ``...`` takes the key out."""

    def change(place: Place) -> None:
        path = place.run / name
        facts = json.loads(path.read_text("utf-8"))
        *groups, last = key.split(".")
        inner = facts
        for group in groups:
            inner = inner[group]
        if new is ...:
            del inner[last]
        else:
            inner[last] = new
        path.write_text(json.dumps(facts), "utf-8")

    return change


def instead(name: str, make: Callable[[Path, Place], object]) -> Change:
    """Put something that is no file in the place of one."""

    def change(place: Place) -> None:
        (place.run / name).unlink()
        make(place.run / name, place)

    return change


def socket_at(path: Path, place: Place) -> None:
    """A socket; its name is relative, since a socket's path must be short."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as each:
            each.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def link_out(path: Path, place: Place) -> None:
    """A link to somebody's file."""
    bait = next(each for each in sorted(place.bait.rglob("*")) if each.is_file())
    path.symlink_to(bait)


def device_at(path: Path, place: Place) -> None:
    """A link to a device that has no end."""
    path.symlink_to("/dev/zero")


def sparse(name: str, size: int) -> Change:
    """A file of so many bytes, which takes none of the disk."""

    def change(place: Place) -> None:
        with (place.run / name).open("r+b") as file:
            file.truncate(size)

    return change


OPTIONS: list[tuple[str, str, Any, str]] = [
    ("an input of a million pixels a side", "data.image_size", 10**6, "data.image_size"),
    ("no step between views", "augment.step_degrees", 0, "augment.step_degrees"),
    ("a step of a billionth", "augment.step_degrees", 1e-9, "augment.step_degrees"),
    ("a step that is not a number", "augment.step_degrees", float("nan"), "augment.step_degrees"),
    ("99,999 views", "augment.test_views", "99999", "augment.test_views"),
    ("views of 5,000 digits", "augment.test_views", "9" * 4000, "augment.test_views"),
    ("a network that does not exist", "model.name", "os.system", "model.name"),
    ("a backbone from the hub", "model.backbone", "hf-hub:evil/net", "model.backbone"),
    ("a batch of a billion", "data.batch_size", 10**9, "data.batch_size"),
    ("an infinite learning rate", "optim.lr", float("inf"), "optim.lr"),
    ("a negative seed", "seed", -1, "seed"),
    ("a seed of 4,000 digits", "split.seed", int("9" * 4000), "split.seed"),
    ("a thousand grades", "data.classes", [f"g{i}" for i in range(1000)], "data.classes"),
    ("grades that are paths", "data.classes", ["../../etc", "/tmp/x", "well"], "data.classes"),
    ("a grade of ten thousand letters", "data.classes", ["x" * 10_000, "well"], "longer than"),
    ("one grade", "data.classes", ["poor"], "data.classes"),
    ("a list for a grade", "data.classes", [["poor"], "well"], "data.classes"),
    ("folds without end", "split.folds", 10**12, "split.folds"),
    ("a compiler that nobody has", "trainer.compile", "gcc -x", "trainer.compile"),
    ("groups of zero", "model.groups", 0, "model.groups"),
    ("a pattern of a megabyte", "data.patient_pattern", "(a+)+" * 800, "data.patient_pattern"),
    ("a path with a terminal's codes", "data.manifest", "a\x1b[2Jb", "control"),
    ("a word for a number", "data.image_size", "many", "data.image_size"),
    ("a list for a group", "model", [1, 2], "can't be read"),
    ("an option that nobody has", "data.hook", "os.system", "hook"),
]

CONFIGS: list[tuple[str, Change, str]] = [
    (
        "interpolation",
        text("config.yaml", lambda t: t.replace("seed: 0", "seed: ${oc.env:HOME}", 1)),
        r"\$\{",
    ),
    ("an alias", text("config.yaml", lambda t: t.replace("seed: 0", "seed: &a 0", 1)), "anchors"),
    ("a billion laughs", content("config.yaml", b"a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]\n"), "anchors"),
    ("a tag", text("config.yaml", lambda t: t.replace("seed: 0", "seed: !!python/name:os.system 0")), "tags"),
    ("a key twice", text("config.yaml", lambda t: t + "seed: 1\n"), "seed: is given twice"),
    ("deep lists", text("config.yaml", lambda t: t + "x: " + "[" * 4000 + "]" * 4000), "nested too deep"),
    ("half a gigabyte of options", sparse("config.yaml", 2**29), "larger than"),
    ("bytes that are no text", content("config.yaml", b"format: 1\nseed: \xff\xfe\n"), "UTF-8"),
    ("two documents", text("config.yaml", lambda t: t + "---\nseed: 1\n"), "config.yaml"),
    ("a list of options", content("config.yaml", b"- 1\n- 2\n"), "not a mapping"),
    ("a pipe", instead("config.yaml", lambda path, place: os.mkfifo(path)), "a pipe"),
    ("a socket", instead("config.yaml", socket_at), "a socket"),
    ("a device", instead("config.yaml", device_at), "a device"),
    ("a folder", instead("config.yaml", lambda path, place: path.mkdir()), "a folder"),
    ("somebody's file", instead("config.yaml", link_out), "leads out"),
    ("a link to itself", instead("config.yaml", lambda path, place: path.symlink_to(path)), "config.yaml"),
]

FILES: list[tuple[str, str, Change, str | None]] = [
    ("a precision that nobody has", "train", option("trainer.precision", "evil"), r"trainer\.\*"),
    ("a temperature of 0", "predict", value("calibration.json", "temperature", 0), "temperature"),
    ("a temperature below 0", "export", value("calibration.json", "temperature", -1.5), "temperature"),
    ("a temperature in words", "predict", value("calibration.json", "temperature", "hot"), "temperature"),
    ("no temperature", "predict", value("calibration.json", "temperature", ...), "lacks temperature"),
    ("scores beyond 1", "predict", value("calibration.json", "scores.patient", [7.0] * 3), "scores"),
    (
        "a patient without scores",
        "predict",
        value("calibration.json", "scores.image", [[], [], []]),
        "scores",
    ),
    ("scores of words", "predict", value("calibration.json", "scores.patient", ["a"]), "scores"),
    ("calibration of NaN", "predict", content("calibration.json", b'{"temperature": NaN}'), "not valid JSON"),
    ("calibration nested", "predict", content("calibration.json", b'{"a":' * 9000), "calibration.json"),
    ("calibration without end", "predict", sparse("calibration.json", 2**32), "larger than"),
    ("calibration a pipe", "export", instead("calibration.json", lambda p, _: os.mkfifo(p)), "a pipe"),
    ("calibration of codes", "predict", value("calibration.json", "reason", "\x1b]0;x\x07"), "control"),
    ("means of another length", "predict", value("appearance.json", "centre", [0.0]), "centre"),
    ("a ragged matrix", "predict", value("appearance.json", "whitening", [[1.0], [2.0, 3.0]]), "whitening"),
    ("means beyond numbers", "predict", value("appearance.json", "centre", [1e300] * 7), "centre"),
    ("an OOD limit below 0", "predict", value("appearance.json", "limit", -2.0), "limit"),
    ("appearance of somebody", "predict", instead("appearance.json", link_out), "leads out"),
    ("other grades measured", "export", value("metrics.json", "classes", ["a", "b", "c"]), "metrics.json"),
    ("no metric by patient", "export", value("metrics.json", "patient.accuracy", ...), "patient.accuracy"),
    ("an accuracy of 700 %", "export", value("metrics.json", "patient.accuracy.value", 7.0), "accuracy"),
    ("a confusion of words", "export", value("metrics.json", "patient.confusion", [["a"]]), "confusion"),
    ("leakage of a word", "compare", value("metrics.json", "leakage", "no"), "leakage"),
    ("metrics that are a list", "export", content("metrics.json", b"[]"), "metrics.json"),
    ("seconds in words", "compare", value("environment.json", "seconds", "long"), "seconds"),
    ("versions that are a number", "export", value("environment.json", "versions", 3), "versions"),
    ("environment of NUL", "compare", content("environment.json", bytes(100)), "environment.json"),
    ("no predictions", "compare", content("predictions.csv", b""), "predictions.csv"),
    (
        "probabilities of 9",
        "compare",
        text("predictions.csv", lambda t: t.replace(",0.3", ",9.3", 1)),
        "predictions.csv",
    ),
    (
        "probabilities without end",
        "compare",
        text("predictions.csv", lambda t: t.replace(",0.3", ",inf;", 1).replace("inf;", "inf,0", 1)),
        "predictions.csv",
    ),
    (
        "predictions of NUL",
        "explain",
        text("predictions.csv", lambda t: t.replace("poor", "po\0or", 1)),
        "NUL",
    ),
    (
        "a quote that never ends",
        "compare",
        text("predictions.csv", lambda t: t.replace("poor", '"poor', 1)),
        "predictions.csv",
    ),
    (
        "predictions of other grades",
        "export",
        text("predictions.csv", lambda t: t.replace("p_poor", "p_bad").replace("poor,", "bad,")),
        "predictions.csv",
    ),
    (
        "a cell of a megabyte",
        "compare",
        text("predictions.csv", lambda t: t.replace("M\n", "M" * 2**20 + "\n", 1)),
        "longer than",
    ),
    ("ten thousand columns", "compare", content("predictions.csv", b"x," * 9999 + b"y\n"), "columns"),
    ("history in words", "compare", content("history.csv", b"epoch,train/accuracy\n0,best\n"), "history.csv"),
    ("an epoch far away", "compare", content("history.csv", b"epoch\n1e18\n"), "history.csv"),
    ("history a folder", "compare", instead("history.csv", lambda p, _: p.mkdir()), "a folder"),
    ("a split of bytes", "evaluate", content("split.csv", b"\xff\xfe\x00"), "split.csv"),
    ("a split of one column", "evaluate", content("split.csv", b"image\na.png\n"), "no column"),
    (
        "a split that is a device",
        "export",
        instead("split.csv", device_at),
        "device",
    ),
    ("environment gone", "train", value("environment.json", "parameters", "many"), None),
]

COMMANDS = ("predict", "evaluate", "explain", "export", "compare", "train")


def elsewhere(place: Place) -> None:
    """Options of a machine that has other folders and devices; they are not this machine's."""
    for key, new in (
        ("data.cache_dir", str(place.bait)),
        ("data.workers", 900),
        ("data.cache", "disk"),
        ("trainer.devices", "64"),
        ("trainer.accelerator", "tpu"),
        ("trainer.num_nodes", 50),
        ("trainer.strategy", "deepspeed"),
        ("trainer.gpu_share", 0.01),
    ):
        option(key, new)(place)


def backtracking(pattern: str) -> Callable[[Place], list[str]]:
    """A typed pattern whose search of these names never ends."""

    def prepare(place: Place) -> list[str]:
        for grade in ("poor", "moderate", "well"):
            (place.folder / grade).mkdir()
            (place.folder / grade / f"{'a' * 60}.png").touch()
        return [
            *("data=folder", f"data.root={place.folder}", f"hydra.run.dir={place.out}"),
            f"data.patient_pattern='{pattern}'",
        ]

    return prepare


def studied(make: Callable[[Path], object]) -> Callable[[Place], list[str]]:
    """Go on with a study that is something else."""

    def prepare(place: Place) -> list[str]:
        make(place.folder / "study.db")
        return [f"study={place.folder}", "model=senet,sknet", "trials=1"]

    return prepare


def resumed_here(place: Place) -> list[str]:
    """Resume a run of another machine, with a folder for the cache."""
    elsewhere(place)
    return [f"train.resume={place.run}", f"data.cache_dir={place.folder}", "trainer.max_epochs=2"]


def frozen(place: Place) -> None:
    """A frozen network, whose other layers are said to be in somebody's file."""
    option("model.frozen", True)(place)
    option("model.weights", str(place.bait / "weights.pt"))(place)


def reused(name: str, data: str) -> Callable[[Place], list[str]]:
    """A file in the folder of an earlier prediction."""

    def prepare(place: Place) -> list[str]:
        place.out.mkdir()
        (place.out / name).write_text(data)
        return words("predict", place)

    return prepare


def unknown_kind(place: Place) -> list[str]:
    """A kind of cohort is looked up when the cohort is read: those who add one add it in one place."""
    option("data.name", "sql")(place)
    return [f"run={place.run}"]


CASES: list[Case] = [
    Case("config.yaml: a kind of cohort that nobody has", "evaluate", unknown_kind, r"data\.name=sql"),
    *(
        case(f"config.yaml: {name}", COMMANDS[number % 6], option(key, new), rf"config\.yaml[\s\S]*{told}")
        for number, (name, key, new, told) in enumerate(OPTIONS)
    ),
    *(
        case(f"config.yaml: {name}", COMMANDS[number % 6], change, told)
        for number, (name, change, told) in enumerate(CONFIGS)
    ),
    *(case(f"side file: {name}", command, change, told) for name, command, change, told in FILES),
    case("machine options of the run are not used", "predict", elsewhere, None),
    Case("machine options of the run are not used to resume it", "train", resumed_here),
    case("weights that the run names are not read to resume it", "train", frozen, r"model\.weights: "),
    Case("a pattern that never ends", "train", backtracking(r"(?P<patient>(a+)+)$"), "took more than"),
    Case("a pattern that is none", "train", backtracking(r"(?P<patient>a"), "not a regular expression"),
    Case("a pattern without a patient", "train", backtracking(r"(?P<name>a)"), "no group named patient"),
    Case("earlier options that are a list", "predict", reused("options.json", "[1]"), "options.json"),
    Case("earlier options nested", "predict", reused("options.json", '{"a":' * 5000), "options.json"),
    Case(
        "a study that is not a database", "tune", studied(lambda path: path.write_text("x" * 99)), "study.db"
    ),
    Case("a study that is a pipe", "tune", studied(os.mkfifo), "a pipe"),
    *(
        Case(f"a run's name of 3,000 letters, {command}", command, lambda p, typed=typed: [typed], told)
        for command, typed, told in (
            ("evaluate", f"run={LONG}", "is not a run|was not"),
            ("export", f"run={LONG}", "is not a run|was not"),
            ("explain", f"run={LONG}", "is not a run|was not"),
            ("train", f"train.resume={LONG}", "is not a run"),
            ("compare", f"runs=[{LONG}]", "no such folder"),
        )
    ),
]
