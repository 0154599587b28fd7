"""The folder of a command: what is refused, and what a command that failed leaves."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.runs.paths import CONF
from tests.conftest import command, telling


def start(capfd: pytest.CaptureFixture[str], out: Path, *words: str) -> str:
    """Start a command that fails for its options, or before; returns what it said."""
    with pytest.raises(SystemExit) as end:
        command("train", "data.image_size=1", f"hydra.run.dir={out}", *words, outputs=out.parent)
    assert end.value.code == 1
    said = capfd.readouterr().err
    assert "Traceback" not in said
    return said.strip()


def test_a_folder_that_was_there_stays(tmp_path: Path, capfd) -> None:
    for out, kept in ((tmp_path / "empty", []), (tmp_path / "used", ["notes.txt"]), (tmp_path / "new", None)):
        if kept is not None:
            out.mkdir()
            for name in kept:
                (out / name).write_text("mine")
        assert "must be at least 32" in start(capfd, out)
        assert out.is_dir() == (kept is not None)
        assert kept is None or [path.name for path in out.iterdir()] == kept


def test_an_earlier_record_and_log_stay(tmp_path: Path, capfd) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "notes.txt").write_text("mine")
    (tmp_path / "train.log").write_text("mine\n")
    start(capfd, tmp_path)
    assert (tmp_path / ".hydra" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "train.log").read_text().startswith("mine\n")


def test_a_folder_with_a_link_is_refused_before_anything_is_written(tmp_path: Path, capfd) -> None:
    (tmp_path / "bait").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / ".hydra").symlink_to(tmp_path / "bait")
    said = start(capfd, out)
    assert said == (
        f"{out / '.hydra'}: is a link; livergrade writes into no folder that holds links: "
        "remove it, or name another folder"
    )
    assert [path.name for path in out.iterdir()] == [".hydra"]
    assert not list((tmp_path / "bait").iterdir())


@pytest.mark.parametrize(
    "word", ["hydra.job.name=../x", "hydra.output_subdir=/tmp/x", "hydra.sweep.subdir=../x"]
)
def test_names_that_lead_outside_are_refused(tmp_path: Path, capfd, word: str) -> None:
    assert "lies outside of the output folder" in start(capfd, tmp_path / "out", word)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_command_makes_its_folder_so(path: Path) -> None:
    assert "  - override hydra/callbacks: livergrade\n" in path.read_text()


@pytest.mark.parametrize("name", ["train.log", ".hydra/config.yaml"])
def test_a_folder_in_place_of_a_file_of_hydra_is_told(tmp_path: Path, capfd, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)
    assert f"{tmp_path / name}: is a folder, where a file is to be written" in start(capfd, tmp_path)


def test_a_run_that_is_there_keeps_its_record(tmp_path: Path, capfd, monkeypatch) -> None:
    for name in (".hydra/config.yaml", "config.yaml", "finished.json", "train.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    assert "another run is there" in start(capfd, tmp_path)
    assert {path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == {"mine"}
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert "must be at least 32" in start(capfd, tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    telling(
        [
            ("compare", ["nowhere"]),
            ("evaluate", ["run=nowhere"]),
            ("explain", ["run=nowhere"]),
            ("predict", ["run=nowhere", "nowhere.png"]),
            ("prepare", ["nowhere.tif"]),
            ("check", ["data.image_size=1"]),
            ("tune", ["optim.lr=1"]),
            ("export", ["run=nowhere"]),
            ("plan", ["run=nowhere"]),
            ("agreement", ["readings=nowhere.csv"]),
        ],
        fast=(0, 3, 4, 5, 7),
    ),
)
def test_a_refused_command_leaves_no_folder(tmp_path: Path, capfd, name: str, words: list[str]) -> None:
    with pytest.raises(SystemExit):
        command(name, *words, outputs=tmp_path / "outputs")
    assert "Traceback" not in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_empty_folders_go_and_all_else_stays(tmp_path: Path, monkeypatch, capfd) -> None:
    out = tmp_path / "out"
    (out / "was here").mkdir(parents=True)

    def stop(*_: object, **__: object) -> None:
        for name in ("empty/deep", "kept"):
            (out / name).mkdir(parents=True)
        (out / "kept" / "table.csv").write_text("a")
        raise UserError("no more")

    monkeypatch.setattr("livergrade.multirun.comparison.write_comparison_results", stop)
    with pytest.raises(SystemExit):
        command("compare", "x", f"hydra.run.dir={out}", outputs=tmp_path)
    assert {path.name for path in out.iterdir()} >= {"was here", "kept"}
    assert not (out / "empty").exists()
