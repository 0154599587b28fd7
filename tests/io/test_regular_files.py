"""Only regular files are opened, and no more than a bound of them is read."""

import os
import socket
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.regular_files import is_folder, is_regular, no_file, read_regular, read_regular_text
from livergrade.io.visible import shown


def refused(path: Path, told: str, **options: bool) -> None:
    with pytest.raises(UserError, match=told) as error:
        read_regular(path, 100, fix="do something", **options)
    assert str(error.value).endswith("; do something")
    assert "\n" not in str(error.value)


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    refused(tmp_path / "pipe", "is a pipe, not a file")
    refused(tmp_path / "device", "is a device, not a file", links=True)
    refused(tmp_path, "is a folder, not a file")
    refused(tmp_path / "circle", "circle: can't be read")
    refused(tmp_path / "nowhere", "nowhere: can't be read")
    refused(tmp_path / ("x" * 300), "can't be read")
    refused(tmp_path / "a\0b\n", "can't be read")


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfabc")
    assert read_regular(path, 6, fix="") == b"\xef\xbb\xbfabc"
    assert read_regular_text(path, 6, fix="") == "abc"
    with path.open("r+b") as file:
        file.truncate(2**40)
    refused(path, "is larger than such a file may be")
    refused(Path("/proc/self/environ"), "is larger", links=True)
    path.write_bytes(b"ab\xff")
    with pytest.raises(UserError, match=r"is not text in UTF-8 \(byte 2\)"):
        read_regular_text(path, 6, fix="")


def test_a_link_may_lead_within_its_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "run" / "own.txt").write_text("own")
    (tmp_path / "run" / "to own.txt").symlink_to("own.txt")
    (tmp_path / "run" / "out.txt").symlink_to("../secret.txt")
    (tmp_path / "linked run").symlink_to("run")
    assert read_regular(tmp_path / "linked run" / "to own.txt", 9, fix="") == b"own"
    refused(tmp_path / "run" / "out.txt", "leads out of its folder")
    assert read_regular(tmp_path / "run" / "out.txt", 9, fix="", links=True) == b"secret"


def test_what_can_be_no_name_is_not_there() -> None:
    for name in ("x" * 5000, "a\0b", "nowhere"):
        assert not is_regular(Path(name))
        assert not is_folder(Path(name))


def test_a_message_is_one_short_line() -> None:
    assert shown("a\x1b[2J\nb") == r"a\x1b[2J\nb"
    assert len(shown("x" * 5000)) == 201


def test_a_file_is_one_and_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert no_file(tmp_path / "a") is None
    assert no_file(tmp_path / "link") is None


def test_what_is_no_file_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    os.mkfifo("pipe")
    Path("broken").symlink_to("nowhere")
    Path("circle").symlink_to("circle")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        told = {name: no_file(Path(name)) for name in ("pipe", "socket", ".", "broken", "circle", "a" * 5000)}
    assert told["pipe"] == "is a pipe, not a file"
    assert told["socket"] == "is a socket, not a file"
    assert told["."] == "is a folder, not a file"
    assert told["broken"] == "does not exist"
    assert "can't be opened" in str(told["circle"])
    assert "can't be opened" in str(told["a" * 5000])
    assert no_file(Path("/dev/zero")) == "is a device, not a file"
    assert "can't be opened" in str(no_file(Path("a\0b")))


@pytest.mark.parametrize("name", ["", "."])
def test_the_empty_path_is_a_folder(name: str) -> None:
    assert no_file(Path(name)) == "is a folder, not a file"
