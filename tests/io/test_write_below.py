"""Writes that would get elsewhere are refused."""

import os
import socket
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.files import atomic_write, remove_parts
from livergrade.io.write_below import refuse_links, refuse_links_between, write_only_below


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    folder = tmp_path / "bait"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years")
    return folder


def test_a_link_in_place_of_a_file_is_refused_and_stays(tmp_path: Path, bait: Path) -> None:
    (tmp_path / "a.csv").symlink_to(bait / "thesis.txt")
    with pytest.raises(UserError, match=r"a\.csv: is a link"), atomic_write(tmp_path / "a.csv") as part:
        part.write_text("x")
    assert (tmp_path / "a.csv").is_symlink()
    assert (bait / "thesis.txt").read_text() == "years"


def test_a_folder_in_place_of_a_file_is_told(tmp_path: Path, bait: Path) -> None:
    with pytest.raises(UserError, match="is a folder, where a file"), atomic_write(bait) as part:
        part.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["bait"]


def test_a_command_writes_below_its_folder_alone(tmp_path: Path, bait: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "figures").symlink_to(bait)
    (tmp_path / "named").symlink_to(out)
    with write_only_below(tmp_path / "named"):
        for allowed in (tmp_path / "named" / "a.csv", out / "b.csv"):  # as named, and as reached
            with atomic_write(allowed) as part:
                part.write_text("x")
        for refused, why in (
            (out / "figures" / "a.csv", "figures: is a link"),
            (bait / "a.csv", "outside of"),
            (out / ".." / "bait" / "a.csv", "outside of"),
            (tmp_path / "out2.csv", "outside of"),
        ):
            with pytest.raises(UserError, match=why), atomic_write(refused) as part:
                part.write_text("x")
        with write_only_below(bait), atomic_write(bait / "inner.csv") as part:
            part.write_text("x")
    with atomic_write(bait / "later.csv") as part:  # no command is running
        part.write_text("x")
    assert sorted(path.name for path in bait.iterdir()) == ["inner.csv", "later.csv", "thesis.txt"]


@pytest.mark.parametrize("name", ["train.log", "a/b/c", ".hydra"])
def test_a_folder_with_links_is_refused(tmp_path: Path, bait: Path, name: str) -> None:
    out = tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    refuse_links(out)
    (out / name).symlink_to(bait / "nothing")  # it dangles
    with pytest.raises(UserError, match=f"{name}: is a link; livergrade writes into no folder that holds"):
        refuse_links(out)
    (tmp_path / "named").symlink_to(bait)
    refuse_links(tmp_path / "named")


def test_pipes_sockets_and_second_names_are_refused(tmp_path: Path, bait: Path, monkeypatch) -> None:
    os.link(bait / "thesis.txt", tmp_path / "figure.png")  # a copy that a backup keeps: it is replaced whole
    refuse_links(tmp_path)
    os.link(bait / "thesis.txt", tmp_path / "train.log")
    with pytest.raises(UserError, match=r"train\.log: has 3 hard links"):
        refuse_links(tmp_path)
    (tmp_path / "train.log").unlink()
    os.mkfifo(tmp_path / "report.html")
    with pytest.raises(UserError, match=r"report\.html: is a pipe"):
        refuse_links(tmp_path)
    (tmp_path / "report.html").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path is short
        server.bind("s")
        with pytest.raises(UserError, match="s: is a pipe, a socket"):
            refuse_links(tmp_path)


def test_the_slurm_launchers_own_links_stay(tmp_path: Path, bait: Path) -> None:
    own = tmp_path / ".submitit"
    own.mkdir()
    (own / "12_submission.sh").write_text("")
    (own / "submission_file_ab.sh").symlink_to(own / "12_submission.sh")
    refuse_links(tmp_path)
    (own / "13").symlink_to(bait)
    with pytest.raises(UserError, match="13: is a link"):
        refuse_links(tmp_path)


def test_a_link_between_what_was_named_and_the_output_is_refused(tmp_path: Path, bait: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "evaluations").symlink_to(bait)
    (tmp_path / "link").symlink_to(run)
    refuse_links_between(tmp_path / "link", tmp_path / "link" / "export")
    with pytest.raises(UserError, match="evaluations: is a link"):
        refuse_links_between(run, run / "evaluations" / "now")


def test_parts_of_others_stay(tmp_path: Path, bait: Path) -> None:
    token, kept = "0123456789abcdef", []
    (tmp_path / f".a.csv.{token}.part").write_text("half")
    for name in (".a.csv.123.part", "a.part", f".b.{token}.PART", f"c.{token}.part", f".{token}.part"):
        (tmp_path / name).write_text("mine")
        kept.append(name)
    (tmp_path / f".link.{token}.part").symlink_to(bait / "thesis.txt")
    (tmp_path / "checkpoints").symlink_to(bait)
    (bait / f".a.ckpt.{token}.part").write_text("half")
    (tmp_path / f".folder.{token}.part").mkdir()
    remove_parts(tmp_path)
    kept += [f".link.{token}.part", "checkpoints", f".folder.{token}.part", "bait"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    assert (bait / f".a.ckpt.{token}.part").exists()


def test_a_temporary_file_is_new_and_closed_to_links(tmp_path: Path, bait: Path, monkeypatch) -> None:
    monkeypatch.setattr("livergrade.io.files.secrets.token_hex", lambda count: "0" * 2 * count)
    (tmp_path / f".a.csv.{'0' * 16}.part").symlink_to(bait / "thesis.txt")
    with pytest.raises(FileExistsError), atomic_write(tmp_path / "a.csv") as part:
        part.write_text("x")
    assert (bait / "thesis.txt").read_text() == "years"
    assert not (tmp_path / "a.csv").exists()


def test_a_long_name_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 120 + ".csv")
    with atomic_write(path) as part:
        part.write_text("x")
    assert path.read_text() == "x"
