"""How a page is started, and how it is not."""

import datetime
import subprocess
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.reading.serve import _address, _names, review
from tests.reading.client import options, write_images


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"host": "review.example"}, "by TLS alone; give tls_cert and tls_key"),
        ({"host": "0.0.0.0", "tls_cert": "a.pem"}, "by TLS alone; give tls_key"),
        ({"tls_cert": "a.pem"}, "give host, or leave them out"),
        ({"host": "h", "tls_cert": "none.pem", "tls_key": "none.pem"}, "there is no such file"),
        ({"host": "h", "tls_cert": __file__, "tls_key": __file__}, "do not work together"),
    ],
)
def test_other_machines_reach_a_page_by_tls_alone(given: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told) as found:
        _address(options(None, **given))
    assert "\n" not in str(found.value)


def test_the_names_of_a_server() -> None:
    assert _names("127.0.0.1", 8765, secure=False) == ["127.0.0.1:8765", "localhost:8765"]
    assert _names("Review.Example", 443, secure=True) == ["review.example:443", "review.example"]
    assert _names("::1", 8765, secure=True) == ["[::1]:8765"]
    assert _address(options(None)) == ("127.0.0.1", False)


def test_a_certificate_and_its_key_are_taken(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=h"]
    try:
        done = subprocess.run([*words, "-keyout", key, "-out", cert], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no openssl")
    assert done.returncode == 0, datetime.datetime.now(datetime.UTC)
    assert _address(options(None, host="h", tls_cert=str(cert), tls_key=str(key))) == ("h", True)


def test_one_process_serves_a_review(tmp_path: Path) -> None:
    from livergrade.io.locks import file_lock

    with file_lock(tmp_path / "review.lock"), pytest.raises(UserError, match="open in another process"):
        review(options(write_images(tmp_path)), tmp_path)


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    import socket

    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port={port}: can't be opened"):
            review(options(write_images(tmp_path), port=port), tmp_path)
    assert (tmp_path / "readings.csv").is_file()
