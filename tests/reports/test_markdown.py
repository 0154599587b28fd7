"""Values in Markdown."""

import pytest

from livergrade.reports.markdown import escape_markdown


def test_one_line_of_markdown_shows_a_value_as_it_is() -> None:
    assert (
        escape_markdown("G|1 <b>\n# `x` [y](z) *n* a_b \\") == r"G\|1 \<b\> \# \`x\` \[y\](z) \*n\* a\_b \\"
    )
    assert escape_markdown(0.5) == "0.5"


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("see http://evil.example/x", ("http:", "//evil.example/x")),
        ("WWW.evil.example", ("WWW.", "evil.example")),
        ("a@evil.example", ("a@", "evil.example")),
        ("@someone", ("@", "someone")),
        ("mailto:a", ("mailto:", "a")),
        ("gemini://x", ("gemini:", "//x")),
    ],
)
def test_no_bare_link_is_made(value: str, parts: tuple[str, str]) -> None:
    """The parts of an address are apart, so that no reader of Markdown puts them together."""
    assert "<!-- -->".join(parts) in escape_markdown(value)


def test_line_breaks_and_controls_are_told() -> None:
    assert escape_markdown("a\n\n# b\x1b[2J\u202e") == r"a \# b\\x1b\[2J\\u202e"
