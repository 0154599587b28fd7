"""Names of our files, made from others' names."""

import pytest

from livergrade.io.file_names import LONGEST, file_name
from livergrade.io.inside import same_on_disk


@pytest.mark.parametrize("name", ["S-1", "a b (2)", "Ä_1.2", "1", "TCGA-AA-3695-01Z-00-DX1.0a2b", "肝"])
def test_an_ordinary_name_stays(name: str) -> None:
    assert file_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "..",
            ".",
            "",
            "../a",
            "/a",
            "a/b",
            "a\\b",
            "-rf",
            "--help",
            "~root",
            ".hidden",
            "a\nb",
            "a\x1b[2J",
            "a\0",
        ),
        *("CON", "nul.x", "a:b", "a ", "a.", "\u202ea", "\udc80", "x" * 300, "肝" * 100),
    ],
)
def test_any_other_becomes_one_that_every_disk_takes(name: str) -> None:
    safe = file_name(name)
    assert safe == file_name(safe)
    assert safe != name
    assert len(safe.encode()) <= LONGEST + 9
    assert safe[0] not in ".-~"


def test_distinct_names_stay_distinct() -> None:
    names = ["a/b", "a\\b", "a:b", "a_b", "A/B", "x" * 300, "x" * 301, "..", "."]
    assert len({same_on_disk(file_name(name)) for name in names}) == len(names)
