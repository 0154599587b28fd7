"""The first elements of DICOM files."""

from pathlib import Path

import pytest

from livergrade.io.dicom import Instance, is_dicom, read_instance
from tests.conftest import write_dicom

SERIES = b" \0\x0e\0"  # the tag of the Series Instance UID, little endian


def head(syntax: bytes, elements: bytes) -> bytes:
    return b"\0" * 128 + b"DICM" + b"\2\0\x10\0UI" + len(syntax).to_bytes(2, "little") + syntax + elements


def test_series_and_class_are_read(tmp_path: Path) -> None:
    assert read_instance(write_dicom(tmp_path / "a.dcm", "1.2.7")) == Instance("1.2.7", slide=True)
    scan = write_dicom(tmp_path / "b", "1.2.8", slide=False)
    assert read_instance(scan) == Instance("1.2.8", slide=False)
    assert is_dicom(scan)


@pytest.mark.parametrize(
    ("syntax", "elements"),
    [
        (b"1.2.840.10008.1.2\0", SERIES + b"\4\0\0\0" + b"1.2\0"),  # kinds of values are not stated
        (b"1.2.840.10008.1.2.2", b"\0 \0\x0eUI\0\4" + b"1.2\0"),  # the large byte first
        (
            b"1.2.840.10008.1.2.1",  # a sequence without a length, that holds a series of its own
            b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff"
            + (b"\xfe\xff\0\xe0\xff\xff\xff\xff" + SERIES + b"UI\4\0" + b"9.9\0")
            + (b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0")
            + (SERIES + b"UI\4\0" + b"1.2\0"),
        ),
    ],
)
def test_every_way_to_write_elements_is_read(tmp_path: Path, syntax: bytes, elements: bytes) -> None:
    (tmp_path / "a").write_bytes(head(syntax, elements))
    assert read_instance(tmp_path / "a") == Instance("1.2", slide=False)


def test_what_is_cut_short_or_no_dicom_has_no_series(tmp_path: Path) -> None:
    whole = write_dicom(tmp_path / "a.dcm", "1.2.7").read_bytes()[:900]
    for length in range(0, 400, 7):
        (tmp_path / "b").write_bytes(whole[:length])
        instance = read_instance(tmp_path / "b")
        assert (instance is None) == (length < 132)
    (tmp_path / "text").write_text("no DICOM" * 100)
    assert read_instance(tmp_path / "text") is None
    assert read_instance(tmp_path / "nowhere") is None
    assert not is_dicom(tmp_path)
