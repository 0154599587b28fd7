"""Files of an npm package, from npm, the cache, or the user."""

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.npm_package import NpmPackage, package_files

CONTENT = {"package.json": b'{"name": "tiny", "version": "1.2.3", "main": "a.js"}', "build/a.js": b"let a;\n"}


def archive(path: Path, content: dict[str, bytes]) -> NpmPackage:
    """Write a .tgz as ``npm pack`` does; return the package that it is."""
    with tarfile.open(path, "w:gz") as made:
        for name, written in content.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(written)
            made.addfile(member, io.BytesIO(written))
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    return NpmPackage("tiny", "1.2.3", f"sha512-{digest}")


@pytest.fixture
def package(tmp_path: Path, monkeypatch) -> NpmPackage:
    """A package, an empty cache, and no npm on the path."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("LIVERGRADE_CACHE", str(tmp_path / "cache"))
    return archive(tmp_path / "tiny.tgz", CONTENT)


def npm(folder: Path, does: str) -> None:
    """Put a program ``npm`` on the path, which writes what it was told to the folder's ``asked``."""
    path = folder / "bin" / "npm"
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder / "asked"}\n{does}\n')
    path.chmod(0o755)


def files(package: NpmPackage, given: Path | None = None) -> dict[str, bytes]:
    return package_files(package, ["build/a.js"], option="page.runtime", given=given)


def test_npm_is_asked_once(tmp_path: Path, package: NpmPackage) -> None:
    npm(tmp_path, f'/bin/cp {tmp_path / "tiny.tgz"} "$5"')
    assert files(package) == {"build/a.js": b"let a;\n"} == files(package)
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert asked.startswith("pack tiny@1.2.3 --ignore-scripts --pack-destination ")
    (kept,) = (tmp_path / "cache" / "npm").iterdir()
    kept.write_bytes(b"damaged")
    assert files(package) == {"build/a.js": b"let a;\n"}
    assert len((tmp_path / "asked").read_text().splitlines()) == 2


def test_another_content_is_refused_and_not_kept(tmp_path: Path, package: NpmPackage) -> None:
    archive(tmp_path / "other.tgz", CONTENT | {"build/a.js": b"evil()"})
    npm(tmp_path, f'/bin/cp {tmp_path / "other.tgz"} "$5"')
    with pytest.raises(UserError, match=r"what npm fetched is not the tiny@1\.2\.3 .*integrity"):
        files(package)
    assert not list((tmp_path / "cache" / "npm").iterdir())
    with pytest.raises(UserError, match=r"other\.tgz is not the tiny@1\.2\.3 .*page\.runtime=<path>"):
        files(package, tmp_path / "other.tgz")


def test_what_to_do_without_npm_or_a_connection(tmp_path: Path, package: NpmPackage) -> None:
    with pytest.raises(
        UserError, match=r"npm is not installed.*page\.runtime=<path> .*npm pack tiny@1\.2\.3"
    ):
        files(package)
    npm(tmp_path, 'echo "npm error code ENOTFOUND\nnpm error network" >&2; exit 1')
    with pytest.raises(UserError, match=r"could not fetch it \(code ENOTFOUND; network\); .*page\.runtime="):
        files(package)


def test_a_file_or_a_folder_of_the_user(tmp_path: Path, package: NpmPackage) -> None:
    assert files(package, tmp_path / "tiny.tgz") == {"build/a.js": b"let a;\n"}
    folder = tmp_path / "package"
    (folder / "build").mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    assert files(package, folder) == {"build/a.js": b"let a;\n"}
    (folder / "build" / "a.js").unlink()
    with pytest.raises(UserError, match=r"a\.js.*page\.runtime"):
        files(package, folder)
    (folder / "package.json").write_text('{"name": "tiny", "version": "1.2.4"}')
    with pytest.raises(UserError, match=r"package: is tiny@1\.2\.4; page\.runtime="):
        files(package, folder)
    for wrong in ('{"name": "tiny"}', "[]"):
        (folder / "package.json").write_text(wrong)
        with pytest.raises(UserError, match=r"package.*page\.runtime"):
            files(package, folder)
    with pytest.raises(UserError, match=r"page\.runtime: .*none is no file and no folder"):
        files(package, tmp_path / "none")
    with pytest.raises(UserError, match=r"has no b\.js"):
        package_files(package, ["b.js"], option="page.runtime", given=tmp_path / "tiny.tgz")
