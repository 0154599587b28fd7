import os
import socket
from pathlib import Path

import pytest

from livergrade.io.regular import no_file


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
    assert told["pipe"] == "is a named pipe, not a file"
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
