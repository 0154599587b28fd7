"""What may not stand in a cell of a table: text that a spreadsheet would run, or that is no Unicode."""

from __future__ import annotations

import re
import unicodedata

from livergrade.io.locale_letters import locale_problem

_FORMULA = re.compile(r"[=@]|[+-](?![+-]*$|ve$)", re.IGNORECASE)  # "+", "--" and "+ve" are findings
_NUMBERS = re.compile(
    r"(?:[+-]?(?:\d[\d.,]*|[.,]\d+)(?:e[+-]?\d+)?\s?%?|[+-]?inf|nan|None)(?:\s+|$)", re.IGNORECASE
)
_BLANK = "\ufeff\u200b\u200c\u200d\u2060\u00ad\u180e"  # have no width, and str.isspace() does not count them


def cell_problem(text: str) -> str | None:
    """Reason why a text may not be written into a table; None if it may.

    Signs in any width count, also behind blanks. Numbers, lists of numbers, and findings as ``+`` and ``-ve``
    are no formulas.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        lacks = locale_problem()
        return f"can't be read as text: {lacks}" if lacks else "is not Unicode text; rename it"
    if text.isalnum():
        return None
    bare = unicodedata.normalize("NFKC", text)
    while bare and (bare[0].isspace() or bare[0] in _BLANK or unicodedata.category(bare[0]) == "Cc"):
        bare = bare[1:]
    if text[:1] in ("\t", "\r") or (_FORMULA.match(bare) and not _is_numbers(bare)):
        return "is a formula to a spreadsheet; write it otherwise"
    return None


def _is_numbers(text: str) -> bool:
    at = 0
    while at < len(text) and (match := _NUMBERS.match(text, at)):
        at = match.end()
    return at == len(text)
