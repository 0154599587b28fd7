"""Spellings of one name are one, and names that are different people stay so."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livergrade.io.patient_names import family_problems, name_families, patient_key, patient_keys, quoted
from tests.conftest import examples

ANY = st.text(max_size=12) | st.text("Pp7０01-_. /\u200b\u0301", max_size=10)
NUMBER = st.integers(0, 10**6)
SEPARATOR = st.sampled_from(["-", "_", ".", "/", ":", " ", "\u2011", "\u2212", "\u00a0", "--", " - "])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *[
            ("P7", other)
            for other in ("P 7", "P-7", "p_07", "P007", "Ｐ７", "P\u200b7", "P.7:", "P٧", "p\t7")
        ],
        *[("1-11", other) for other in ("1_11", "1.11", "1 11", "01-011", "1\u201111", "１－１１", "1 - 11")],
        ("0", "00"),
        ("1-01", "1-1"),
        ("Mu\u0308ller", "M\u00fcller"),
        ("O'Brien", "o\u2019brien"),
        ("Straße", "STRASSE"),
        ("A1-B2", "a01b2"),
        ("A1", "\u04101"),  # Cyrillic
        ("POH-1", "\u03a1\u039f\u0397-1"),  # Greek
    ],
)
def test_spellings_of_one_name(first: str, second: str) -> None:
    assert patient_key(first) == patient_key(second) != ""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *[("1-11", "11-1"), ("1-11", "111"), ("1 11", "111"), ("10", "1"), ("0", "10"), ("1-0", "1")],
        *[("P7", "Q7"), ("P7", "P70"), ("P7", "P7a"), ("Muller", "M\u00fcller"), ("?", "!")],
    ],
)
def test_different_names(first: str, second: str) -> None:
    assert patient_key(first) != patient_key(second)


def test_a_number_that_pandas_wrote_is_the_number() -> None:
    assert name_families(["101", "101.0", "102.0", "1.0", "1-0"]) == [
        {"1-0": 1, "1.0": 1},
        {"101": 1, "101.0": 1},
    ]
    assert patient_keys("0101.0") == ["101-0", "101"]
    assert patient_keys("10.5") == ["10-5"]


def test_letters_that_look_alike_are_told_by_their_codes() -> None:
    (line,) = family_problems(["A1", "\u04101"])
    assert line.endswith("'A1' (1 image), '\u04101' (as codes: \\u04101) (1 image)")


def test_what_shows_nothing_is_no_name() -> None:
    assert [patient_key(name) for name in ("", " \t", "\u200b", "\ufeff\u00ad")] == [""] * 4
    assert name_families(["", " ", "\u200b"]) == []


@settings(max_examples=examples(300), deadline=None)
@given(ANY)
def test_a_key_is_its_own_key_and_that_of_every_spelling(name: str) -> None:
    key = patient_key(name)
    assert patient_key(key) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert patient_key(unicodedata.normalize(form, name)) == key
    assert patient_key(unicodedata.normalize("NFD", name).casefold()) == key
    assert patient_key(f" {name}\u200b\t") == key
    assert patient_key("\u200b".join(name)) == key


@settings(max_examples=examples(150), deadline=None)
@given(st.text("abcxyz", max_size=4), NUMBER, NUMBER, SEPARATOR, SEPARATOR, st.integers(0, 3))
def test_numbers_and_what_is_between_them(
    word: str, one: int, two: int, first: str, second: str, zeros: int
) -> None:
    name = f"{word}{one}-{two}"
    spelled = f"{word.upper()}{first}{'0' * zeros}{one}{second}{'0' * zeros}{two}{first}"
    assert patient_key(spelled) == patient_key(name)
    assert patient_key(f"{word}{one}{two}") != patient_key(name)
    assert (patient_key(f"{word}{two}-{one}") == patient_key(name)) == (one == two)
    assert re.fullmatch(r"[a-z]*\d+-\d+", patient_key(name))


def test_every_name_with_its_spellings_and_images() -> None:
    images = ["P7", "p_07", "P7", "Q1", "Mu\u0308ller", "M\u00fcller", "P-7", "10", "1"]
    assert name_families(images) == [
        {"Mu\u0308ller": 1, "M\u00fcller": 1},
        {"P7": 2, "P-7": 1, "p_07": 1},
    ]
    assert name_families(reversed(images)) == name_families(images)
    _, told = family_problems(images)
    assert told == "one patient's name in 3 spellings: 'P7' (2 images), 'P-7' (1 image), 'p_07' (1 image)"
    assert "(2 slides)" in family_problems(images, "slide")[1]


def test_names_that_look_alike_are_told_apart() -> None:
    assert quoted("Mu\u0308ller").endswith(r"(as codes: Mu\u0308ller)")
    assert quoted("P\u200b7").endswith(r"(as codes: P\u200b7)")
    assert quoted("\u212a1").endswith(r"(as codes: \u212a1)")
    assert quoted("M\u00fcller") == "'M\u00fcller'"
