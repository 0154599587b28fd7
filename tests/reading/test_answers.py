"""What a page may send."""

import json

import pytest

from livergrade.reading.answers import SentReading, checked, choices, parse
from livergrade.reading.store import RefusedError
from tests.reading.client import reading

READ = {"mode": "read", "classes": ["poor", "moderate", "well"]}


def sent(facts: dict[str, object] = READ, **more: object) -> object:
    return checked(parse(json.dumps(reading(1, 0) | more).encode(), SentReading), facts)


def test_a_reading_is_taken_with_its_comment_on_one_line() -> None:
    taken = sent(comment=" a\n\tb  <script>\x1b[31m ", confidence=5)
    assert (taken.comment, taken.confidence, taken.grade) == (r"a b <script>\x1b[31m", 5, "poor")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "1"},
        {"place": -1},
        {"place": "0"},
        {"choice": "great"},
        {"choice": "ungradable"},
        {"excluded": True},
        {"confidence": 6},
        {"seconds": -1},
        {"seconds": None},
        {"comment": "x" * 2001},
        {"reader": "ben"},
    ],
)
def test_anything_else_is_refused_in_one_line(wrong: dict[str, object]) -> None:
    with pytest.raises(RefusedError) as told:
        sent(**wrong)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("body", [b"", b"[", b"[" * 60000, b'"\xff"', b'{"seconds": NaN}'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError):
        parse(body, SentReading)


def test_what_is_confirmed_is_kept_or_left_out_for_a_reason() -> None:
    facts = READ | {"mode": "confirm"}
    assert choices(facts)[0] == {"choice": "keep", "excluded": False}
    kept = sent(facts, choice="keep")
    left_out = sent(facts, choice="quality", excluded=True)
    assert (kept.grade, kept.excluded, left_out.excluded) == (None, None, "quality")
