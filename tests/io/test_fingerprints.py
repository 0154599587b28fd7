"""Hashes of files, remembered while the files are as they were."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from livergrade.data.cohort import from_manifest
from livergrade.errors import UserError
from livergrade.io.fingerprints import Fingerprints
from tests.conftest import GRADES, write_cohort


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path in paths:
        path.write_text(path.name)
    return paths


def digests(files: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


def marked(memory: Path) -> None:
    """Have every digest remembered begin with ``known``: one that does was not read again."""
    content = json.loads(memory.read_text())
    for fact in content.values():
        fact[1] = f"known{fact[1]}"
    memory.write_text(json.dumps(content))


def test_only_what_was_touched_is_read_again(files: list[Path], tmp_path: Path) -> None:
    memory = tmp_path / "memory" / "m.json"
    first = Fingerprints(memory).of(files)
    assert first == digests(files)
    marked(memory)
    files[1].write_text("B.png")
    again = Fingerprints(memory)
    assert [again.recalls(path) for path in files] == [True, False, True]
    assert again.of(files) == [f"known{first[0]}", digests(files)[1], f"known{first[2]}"]


def test_a_date_that_was_set_back_deceives_nobody(files: list[Path], tmp_path: Path) -> None:
    memory = tmp_path / "m.json"
    Fingerprints(memory).of(files)
    before = files[0].stat()
    files[0].write_text("A.png")
    os.utime(files[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not Fingerprints(memory).recalls(files[0])
    assert Fingerprints(memory).of(files) == digests(files)


@pytest.mark.parametrize("content", ["", "{", '{"x": 3}', "[1]"])
def test_a_damaged_memory_is_made_anew(files: list[Path], tmp_path: Path, content: str) -> None:
    memory = tmp_path / "m.json"
    memory.write_text(content)
    assert Fingerprints(memory).of(files) == digests(files)
    assert all(Fingerprints(memory).recalls(path) for path in files)


def test_a_file_that_is_gone_is_not_recalled(files: list[Path], tmp_path: Path) -> None:
    memory = tmp_path / "m.json"
    Fingerprints(memory).of(files)
    files[0].unlink()
    assert not Fingerprints(memory).recalls(files[0])


def test_a_cohort_is_read_once(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "data")
    cohort = from_manifest(manifest, list(GRADES), memory=tmp_path / "memory")
    (memory,) = (tmp_path / "memory").iterdir()
    marked(memory)
    again = from_manifest(manifest, list(GRADES), memory=tmp_path / "memory")
    assert again.table["sha256"].tolist() == [f"known{digest}" for digest in cohort.table["sha256"]]
    cohort.paths[3].unlink()
    with pytest.raises(UserError, match="does not exist"):
        from_manifest(manifest, list(GRADES), memory=tmp_path / "memory")
