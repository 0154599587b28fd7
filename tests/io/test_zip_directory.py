import io
import zipfile

import pytest

from livergrade.io.zip_directory import record_bytes, zip_records


def test_records_come_with_their_names_sizes_and_content() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/b", b"123")
        with archive.open("large", "w", force_zip64=True) as record:
            record.write(b"4567")
    records = zip_records(file)
    assert [(record.name, record.size) for record in records] == [("a/b", 3), ("large", 4)]
    assert [record_bytes(file, record) for record in records] == [b"123", b"4567"]


@pytest.mark.parametrize("kept", [0, 10, 60, -30, -1])
def test_a_cut_file_is_an_error(kept: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"123")
    with pytest.raises(ValueError, match=r"its (end|directory)|says that it holds"):
        zip_records(io.BytesIO(file.getvalue()[:kept]))


def test_more_records_than_a_network_has_are_not_read() -> None:
    end = b"PK\5\6" + bytes(4) + (60_000).to_bytes(2, "little") * 2 + (2**30).to_bytes(4, "little") + bytes(6)
    with pytest.raises(ValueError, match="holds 60000 records"):
        zip_records(io.BytesIO(end))
