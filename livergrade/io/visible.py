"""Text for a terminal, a log or a figure: what would steer it is shown, not sent."""

from __future__ import annotations

import re
import unicodedata

_CODES = "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and line feed, DEL, C1
CONTROL = re.compile(f"[{_CODES}]")
"""Characters that steer a terminal; a tab and a line break are text."""

_STEERING = (
    f"{_CODES}"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they change the direction of what follows
    "\u2028\u2029"  # separators of lines and paragraphs
    "\ud800-\udfff"  # no characters: bytes of a file name that are no UTF-8
)
_STEERS = re.compile(f"[{_STEERING}]")
_STEERS_OR_BREAKS = re.compile(f"[{_STEERING}\t\n]")
# livergrade indents the lines of a message after the first.
_FOREIGN_BREAK = re.compile(r"\n(?!  )")


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return {9: r"\t", 10: r"\n", 13: r"\r"}.get(code) or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    )


def visible(text: str) -> str:
    r"""The text with control characters as escapes, ``\x1b``; its line breaks and tabs stay."""
    return _STEERS.sub(_escaped, text)


def one_line(text: object) -> str:
    """A name on one line: control characters, line breaks and tabs as escapes."""
    return _STEERS_OR_BREAKS.sub(_escaped, str(text))


def shown(text: object, longest: int = 200) -> str:
    """What a file, a name or an option says, for a message: on one line, and shortened in the middle.

    Args:
        text: its ``str()`` is shown.
        longest: characters at most.
    """
    line = one_line(text)
    return line if len(line) <= longest else f"{line[: longest // 2]}…{line[-longest // 2 :]}"


def message(text: object) -> str:
    """An error's message: its first line, and its indented lines; other line breaks are of names."""
    return _FOREIGN_BREAK.sub(r"\\n", visible(str(text).strip("\n")))


def without_controls(text: str) -> str:
    """The text without control characters, for LaTeX and for figures; line breaks stay."""
    return "".join(
        letter
        for letter in text
        if letter == "\n" or (unicodedata.category(letter) not in ("Cc", "Cs") and not _STEERS.match(letter))
    )
