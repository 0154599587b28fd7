"""Cells that a spreadsheet has made of something else, which is lost: errors, and long numbers cut short."""

from __future__ import annotations

import re

_ERROR = re.compile(
    r"#(N/A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!|BLOCKED!|UNKNOWN!|GETTING_DATA|NV|BEZUG!|WERT!)"
)
"""What English and German programs write."""
_ROUNDED = re.compile(r"[+-]?\d(?:[.,](\d+))?E\+(\d{2,3})", re.IGNORECASE)
_LONG = 10
"""Digits after the first from which a spreadsheet shows a number as one of these."""


def trace_problem(text: str) -> str | None:
    """Why a name or a word can't be what somebody wrote; None if it can.

    ``1e5`` and ``1E+05`` are names. A spreadsheet writes so what has 11 digits or more, and leaves some out.
    """
    cell = text.strip()
    if _ERROR.fullmatch(cell):
        return "is an error of a spreadsheet; correct it there"
    found = _ROUNDED.fullmatch(cell)
    if found and int(found[2]) >= _LONG and len(found[1] or "") < int(found[2]):
        return (
            "is a long number that a spreadsheet cut short, so that several may be one; there, make the "
            "cells text, and save it again"
        )
    return None
