"""Folders and files through which a command could write or delete what is not its own."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import torch
import yaml

from tests.faults.hostile.case import Case, Place

LINK = "is a link; livergrade writes into no folder that holds links: remove it, or name another folder"
CACHES = ("LIVERGRADE_CACHE", "caches")
"""For a case that reads a cohort: caches in a folder of the working directory, if no other is named."""


def training(place: Place, *words: str) -> list[str]:
    """Options of a short run into the output folder."""
    return [
        "data=manifest",
        f"data.manifest={place.manifest}",
        "data.image_size=32",
        "data.batch_size=6",
        "split.test_fraction=0.25",
        "split.val_fraction=0.34",
        "model=timm",
        "model.backbone=test_resnet",
        "augment.test_views=2",
        "trainer.accelerator=cpu",
        "trainer.max_epochs=1",
        "trainer.limit_batches=1",
        "trainer.progress=false",
        "trainer.map_patients=0",
        f"hydra.run.dir={place.out}",
        *words,
    ]


def failing(place: Place, *words: str) -> list[str]:
    """Options that are refused as soon as they are checked."""
    return ["data.image_size=1", f"hydra.run.dir={place.out}", *words]


def bait_file(place: Place) -> Path:
    """A file of somebody's; made if there is none."""
    file = place.bait / "thesis.txt"
    if not file.exists():
        place.bait.mkdir(parents=True, exist_ok=True)
        file.write_text("years of work")
    return file


def into(folder: Path, name: str, place: Place) -> None:
    """Put a link to somebody's folder or file where the folder has one, or would get one."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    a_folder = path.is_dir() or not path.suffix
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    bait_file(place)
    path.symlink_to(place.bait if a_folder else bait_file(place))


# ── links in the folder that is written ──────────────────────────────────────────────────────────────────


def resumed_with_link(name: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        shutil.copy(place.run / "config.yaml", place.folder / "stored.yaml")
        into(place.run, name, place)
        if name == "config.yaml":  # it must be read as a run's to be resumed at all
            (place.run / name).unlink()
            (place.run / name).symlink_to(place.folder / "stored.yaml")
        return [f"train.resume={place.run}", "trainer.max_epochs=2"]

    return prepare


IN_A_RUN = (
    *("train.log", ".hydra", ".hydra_resumed", ".hydra/config.yaml", "checkpoints", "checkpoints/last.ckpt"),
    *("checkpoints/best.ckpt", "figures", "tensorboard", "tensorboard/hparams.yaml", "report.html"),
    *("config.yaml", "split.csv", "predictions.csv", "metrics.json", "environment.json", "history.csv"),
    *("finished.json", "earlier_start_1", "a/b/c", ".last.ckpt.0123456789abcdef.part"),
)

WRITERS: dict[str, tuple[Callable[[Place], list[str]], tuple[str, ...]]] = {
    "train": (failing, ("train.log", ".hydra", "checkpoints")),
    "predict": (
        lambda place: [f"run={place.run}", str(place.slide), f"out={place.out}"],
        ("predict.log", "maps", "options.json", "predictions.csv", "report.html"),
    ),
    "explain": (lambda place: [f"run={place.run}", f"out={place.out}"], ("pictures", "maps/000.npz")),
    "prepare": (lambda place: [str(place.slide), f"out={place.out}"], ("regions", "contact_sheet.png")),
    "export": (lambda place: [f"run={place.run}", f"out={place.out}"], ("model.onnx", "README.md")),
    "tune": (
        lambda place: [f"study={place.out}", "trials=1", "model=senet,cbam"],
        ("study.db", "study.db-journal", "trials.csv", "figures"),
    ),
}


def written_with_link(command: str, name: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        into(place.out, name, place)
        return WRITERS[command][0](place)

    return prepare


def dangling(place: Place) -> list[str]:
    place.out.mkdir(parents=True)
    (place.out / "train.log").symlink_to(place.bait / "new.txt")
    return failing(place)


def in_a_circle(place: Place) -> list[str]:
    place.out.parent.mkdir(parents=True, exist_ok=True)
    place.out.symlink_to(place.out)
    return failing(place)


def job_of_a_sweep(place: Place) -> list[str]:
    into(place.out, "0_seed-1/checkpoints", place)
    return ["-m", "seed=1,2", "data.image_size=1", f"hydra.sweep.dir={place.out}"]


def record_of_a_sweep(place: Place) -> list[str]:
    into(place.out, "multirun.yaml", place)
    return ["-m", "seed=1,2", "data.image_size=1", f"hydra.sweep.dir={place.out}"]


def launchers_folder(place: Place) -> list[str]:
    into(place.out, ".submitit", place)
    return ["-m", "seed=1,2", "data.image_size=1", f"hydra.sweep.dir={place.out}"]


def below_a_run(name: str, words: Callable[[Place], list[str]]) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        into(place.run, name, place)
        return words(place)

    return prepare


def behind_links(place: Place) -> list[str]:
    """The folder that is named is a link to a link to a folder."""
    place.out.parent.mkdir(parents=True, exist_ok=True)
    real = place.folder / "real"
    real.mkdir()
    (place.folder / "link").symlink_to(real)
    place.out.symlink_to(place.folder / "link")
    return training(place)


def finished_behind_links(place: Place) -> None:
    assert (place.folder / "real" / "finished.json").is_file()
    assert (place.folder / "real" / "checkpoints" / "best.ckpt").is_file()


# ── other things that are no plain files ─────────────────────────────────────────────────────────────────


def pipe(name: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        (place.out / name).parent.mkdir(parents=True)
        os.mkfifo(place.out / name)
        return failing(place)

    return prepare


def with_option(word: str) -> Callable[[Place], list[str]]:
    return lambda place: failing(place, word)


def a_socket(place: Place) -> list[str]:
    place.out.mkdir(parents=True)
    here = Path.cwd()
    os.chdir(place.out)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("s")
    finally:
        os.chdir(here)
    return failing(place)


def second_name(name: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        (place.out / name).parent.mkdir(parents=True)
        os.link(bait_file(place), place.out / name)
        return failing(place)

    return prepare


def a_file(name: str) -> Callable[[Place], list[str]]:
    """A file is where the output folder, or one above it, should be."""

    def prepare(place: Place) -> list[str]:
        file = bait_file(place)
        return ["data.image_size=1", f"hydra.run.dir={file / name if name else file}"]

    return prepare


def folder_for_a_file(name: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        (place.out / name / "notes").mkdir(parents=True)
        return training(place)

    return prepare


# ── what was there stays ─────────────────────────────────────────────────────────────────────────────────


def own_folder(*names: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        place.out.mkdir(parents=True)
        for name in names:
            (place.out / name).parent.mkdir(exist_ok=True)
            (place.out / name).write_text("mine")
        return failing(place)

    return prepare


def is_kept(*names: str) -> Callable[[Place], None]:
    def check(place: Place) -> None:
        found = {path.relative_to(place.out).as_posix() for path in place.out.rglob("*") if path.is_file()}
        assert set(names) <= found, found
        assert all((place.out / name).read_text().startswith("mine") for name in names)

    return check


def is_there(place: Place) -> None:
    assert place.out.is_dir()
    assert not list(place.out.iterdir())


def restarted(place: Place) -> list[str]:
    place.out.mkdir(parents=True)
    for name in ("checkpoints/thesis.txt", "tensorboard/events", "notes.txt", "figures/one.png"):
        (place.out / name).parent.mkdir(exist_ok=True)
        (place.out / name).write_text("mine")
    return training(place, f"data.manifest={place.folder / 'none.csv'}")


def restarted_kept(place: Place) -> None:
    for name in ("notes.txt", "figures/one.png", "earlier_start_1/checkpoints/thesis.txt"):
        assert (place.out / name).read_text() == "mine", name
    assert (place.out / "earlier_start_1" / "tensorboard" / "events").read_text() == "mine"


def another_run(place: Place) -> list[str]:
    return training(place, f"hydra.run.dir={place.run}")


def parts_of_others(place: Place) -> list[str]:
    for name in (".a.csv.123.part", "data.part", "figures/.b.0123456789ABCDEF.part"):
        (place.run / name).parent.mkdir(exist_ok=True)
        (place.run / name).write_text("mine")
    return [f"train.resume={place.run}", "trainer.max_epochs=1"]


def parts_kept(place: Place) -> None:
    for name in (".a.csv.123.part", "data.part", "figures/.b.0123456789ABCDEF.part"):
        assert (place.run / name).read_text() == "mine"


# ── caches ───────────────────────────────────────────────────────────────────────────────────────────────

ARRAYS = ("scan.npy", "images/scan.npy", "images/0123456789abcdef.npy", "fingerprints/notes.txt")


def others_arrays(place: Place) -> list[str]:
    for name in ARRAYS:
        (place.bait / name).parent.mkdir(parents=True, exist_ok=True)
        (place.bait / name).write_bytes(bytes(1000))
    shutil.copytree(place.bait, place.folder / "arrays")
    return training(place, f"data.cache_dir={place.folder / 'arrays'}", "data.cache=disk")


def arrays_kept(place: Place) -> None:
    for name in ARRAYS:
        assert (place.folder / "arrays" / name).read_bytes() == bytes(1000)
    assert (place.folder / "arrays" / "livergrade" / "images").is_dir()


def linked_cache(name: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        cache = place.folder / "cache"
        cache.mkdir()
        (cache / ".livergrade_cache").touch()
        bait_file(place)
        (cache / name).symlink_to(place.bait)
        return training(place, f"data.cache_dir={cache}", "data.cache=disk")

    return prepare


def strangers_cache(place: Place) -> list[str]:
    """The run's own options name a folder of somebody for the caches."""
    bait_file(place)
    stored = yaml.safe_load((place.run / "config.yaml").read_text())
    stored["data"]["cache_dir"] = str(place.bait)
    (place.run / "config.yaml").write_text(yaml.safe_dump(stored))
    return [f"train.resume={place.run}", "trainer.max_epochs=2"]


# ── checkpoints that name other folders ──────────────────────────────────────────────────────────────────


def checkpoint_names(*keys: str, value: str = "", same_folder: bool = True) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        bait_file(place)
        last = place.run / "checkpoints" / "last.ckpt"
        content = torch.load(last, weights_only=True)
        (key,) = (key for key in content["callbacks"] if key.startswith("ModelCheckpoint"))
        state, named = content["callbacks"][key], value or str(place.bait)
        state["dirpath"] = str(last.parent.resolve()) if same_folder else str(place.bait)
        for name in keys:
            state[name] = named
        worst = torch.tensor(1e9)
        state["best_k_models"] = {named: worst}
        state["kth_value"], state["best_model_score"] = worst, worst
        torch.save(content, last)
        return [f"train.resume={place.run}", "trainer.max_epochs=2"]

    return prepare


def state_is(state: object) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        last = place.run / "checkpoints" / "last.ckpt"
        content = torch.load(last, weights_only=True)
        (key,) = (key for key in content["callbacks"] if key.startswith("ModelCheckpoint"))
        content["callbacks"][key] = state
        torch.save(content, last)
        return [f"train.resume={place.run}", "trainer.max_epochs=2"]

    return prepare


def bait_is_there(place: Place) -> None:
    assert bait_file(place).is_file()
    assert (place.run / "checkpoints" / "best.ckpt").is_file()


# ── studies ──────────────────────────────────────────────────────────────────────────────────────────────


def study(*statements: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        place.out.mkdir(parents=True)
        with closing(sqlite3.connect(place.out / "study.db")) as file:
            for statement in ("CREATE TABLE studies (study_id INTEGER, study_name TEXT)", *statements):
                file.execute(statement)
            file.commit()
        return WRITERS["tune"][0](place)

    return prepare


def study_file(content: bytes, name: str = "study.db", size: int = 0) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        words = study()(place) if name != "study.db" else WRITERS["tune"][0](place)
        place.out.mkdir(parents=True, exist_ok=True)
        with (place.out / name).open("wb") as file:
            file.write(content)
            if size:
                file.truncate(size)
        return words

    return prepare


def study_journal(place: Place) -> list[str]:
    words = study()(place)
    name = str(bait_file(place)).encode()
    tail = len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7")
    (place.out / "study.db-journal").write_bytes(bytes(512) + b"\0\0\0\1" + name + tail)
    return words


SMALLER = r"data\.image_size=1: must be at least 32"
RUN = (CACHES,)
CASES: list[Case] = [
    *(
        Case(f"resumed run whose {name} is a link", "train", resumed_with_link(name), LINK)
        for name in IN_A_RUN
    ),
    *(
        Case(
            f"{command} into a folder whose {name} is a link", command, written_with_link(command, name), LINK
        )
        for command, (_, names) in WRITERS.items()
        for name in names
    ),
    Case("log is a dangling link", "train", dangling, LINK),
    Case("output folder is a link to itself", "train", in_a_circle, "out"),
    Case("a job's folder of a sweep holds a link", "train", job_of_a_sweep, LINK),
    Case("a sweep's record is a link", "train", record_of_a_sweep, LINK),
    Case("a launcher's folder is a link", "train", launchers_folder, LINK),
    Case(
        "evaluations of a run are a link",
        "evaluate",
        below_a_run("evaluations", lambda place: [f"run={place.run}"]),
        LINK,
    ),
    Case(
        "export of a run is a link",
        "export",
        below_a_run("export", lambda place: [f"run={place.run}"]),
        LINK,
    ),
    Case(
        "comparison of a run is a link",
        "compare",
        below_a_run("comparison", lambda place: [str(place.run)]),
        LINK,
    ),
    Case(
        "named folder lies behind two links",
        "train",
        behind_links,
        check=finished_behind_links,
        environment=RUN,
    ),
    *(
        Case(f"{name} is a pipe", "train", pipe(name), "is a pipe")
        for name in ("train.log", "report.html", "checkpoints/last.ckpt", "x/y")
    ),
    Case("a socket in the output folder", "train", a_socket, "is a pipe, a socket"),
    *(
        Case(f"{name} has a second hard link", "train", second_name(name), "has 2 hard links")
        for name in ("train.log", ".hydra/config.yaml", "a/study.db")
    ),
    Case("output folder is a file", "train", a_file(""), r"thesis\.txt: .*"),
    Case("output folder lies below a file", "train", a_file("x/y"), "a file is where a folder should be"),
    *(
        Case(
            f"a folder is where {name} is to be written",
            "train",
            folder_for_a_file(name),
            name,
            environment=RUN,
        )
        for name in ("config.yaml", "split.csv", "train.log", ".hydra/hydra.yaml", "finished.json")
    ),
    *(
        Case(
            f"hydra.{word}", "train", lambda place, word=word: failing(place, f"hydra.{word}"), "lies outside"
        )
        for word in ("job.name=../../x", "job.name=/tmp/x", "output_subdir=../x", "sweep.subdir=/tmp/x")
    ),
    Case("a user's empty folder stays", "train", own_folder(), SMALLER, is_there),
    *(
        Case(f"a user's folder with {names} stays", "train", own_folder(*names), SMALLER, is_kept(*names))
        for names in (("notes.txt",), (".hydra/notes.txt",), ("train.log",), ("a.part", ".b.123.part"))
    ),
    Case(
        "SLURM restarts a job in a folder of other files",
        "train",
        restarted,
        "there is no such manifest",
        restarted_kept,
        (("SLURM_RESTART_COUNT", "1"), CACHES),
    ),
    Case(
        "predictions go into the folder of a run",
        "predict",
        lambda place: [f"run={place.run}", str(place.slide), f"out={place.run}"],
        "another run is there",
    ),
    Case("output folder of another run", "train", another_run, "another run is there", environment=RUN),
    Case("partial files of other programs stay", "train", parts_of_others, check=parts_kept),
    Case("caches among other people's arrays", "train", others_arrays, check=arrays_kept),
    Case("images of a cache are a link", "train", linked_cache("images"), "images: is a link"),
    Case(
        "fingerprints of a cache are a link", "train", linked_cache("fingerprints"), "fingerprints: is a link"
    ),
    Case(
        "a stranger's run names the folder of caches",
        "train",
        strangers_cache,
        check=bait_is_there,
        environment=RUN,
    ),
    *(
        Case(f"a checkpoint names a folder as {keys}", "train", checkpoint_names(*keys), check=bait_is_there)
        for keys in (("kth_best_model_path", "best_model_path"), ("last_model_path", "kth_best_model_path"))
    ),
    Case(
        "a checkpoint names another folder as its own",
        "train",
        checkpoint_names("kth_best_model_path", "best_model_path", same_folder=False),
        check=bait_is_there,
    ),
    *(
        Case(f"a checkpoint's paths are {state!r}", "train", state_is(state), check=bait_is_there)
        for state in ([], "x", {"best_model_path": 3})
    ),
    *(
        Case(f"a study with {what}", "tune", study(statement), refused)
        for what, statement, refused in (
            (
                "a trigger",
                "CREATE TRIGGER t AFTER INSERT ON studies BEGIN DELETE FROM studies; END",
                "holds a trigger named 't'",
            ),
            ("a view", "CREATE VIEW trials AS SELECT 1", "holds a view named 'trials'"),
            ("a virtual table", "CREATE VIRTUAL TABLE trials USING fts5(a)", "holds a virtual table"),
            ("tables of something else", "CREATE TABLE trials (a)", "can't be read as a study"),
        )
    ),
    Case("a study that is text", "tune", study_file(b"number,value\n1,2\n"), "is not an SQLite file"),
    Case("a study that is cut", "tune", study_file(b"SQLite format 3\0"), "is not an SQLite file"),
    Case("a huge study", "tune", study_file(b"SQLite format 3\0", size=2 * 10**9), "has more than"),
    Case("a study with another's log", "tune", study_file(b"x", "study.db-wal"), "comes with study.db-wal"),
    Case("a study's journal names a file to delete", "tune", study_journal, "names a further file"),
]
