"""What would steer a terminal is shown."""

import pytest

from livergrade.io.visible import message, one_line, visible, without_controls


@pytest.mark.parametrize(
    ("steering", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("\x08\x08", r"\x08\x08"),
        ("over\rwritten", r"over\rwritten"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066a\u2069", r"\u2066a\u2069"),
        ("\udcff", r"\udcff"),
        ("\x00", r"\x00"),
    ],
)
def test_control_characters_are_shown_as_escapes(steering: str, shown: str) -> None:
    assert visible(steering) == shown
    assert one_line(steering) == shown


def test_line_breaks_stay_in_a_text_and_not_in_a_name() -> None:
    assert visible("a\n\tb") == "a\n\tb"
    assert one_line("a\n\tb") == r"a\n\tb"
    assert one_line(7) == "7"


def test_a_message_is_one_line_and_indented_ones() -> None:
    assert message("\n2 problems:\n  row 1\n  row 2: a\nb\x1b") == "2 problems:\n  row 1\n  row 2: a\\nb\\x1b"


def test_ordinary_text_stays() -> None:
    text = "µm − “é” 肝 ✗ 👍"
    assert visible(text) == one_line(text) == without_controls(text) == text
    assert without_controls("a\x1b\u202eb\nc\udc80") == "ab\nc"
