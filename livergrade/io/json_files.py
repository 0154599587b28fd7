"""Read the JSON files of a run: bounded, and checked against the type of their content."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from livergrade.errors import UserError
from livergrade.io.regular_files import MEGABYTE, read_regular
from livergrade.io.visible import CONTROL, shown

Content = TypeVar("Content")

AGAIN = "train the run again"
FACTS = MEGABYTE
"""Bytes of a file of a few facts."""
RESULTS = 64 * MEGABYTE
"""Bytes of a file with a value for each image."""
_DEEPEST = 32
_BOM = b"\xef\xbb\xbf"


def read_json(path: Path, kind: type[Content], *, limit: int = FACTS, fix: str = AGAIN) -> Content:
    """Read a JSON object and check it against its type: keys, the type of each value, no NaN or infinity.

    Args:
        path: the file.
        kind: a TypedDict, or a ``dict`` with the type of its values. Keys that it lacks are left out.
        limit: bytes that the file may have.
        fix: what to do if it is damaged, for the message.

    Raises:
        UserError: the file is missing, too large, no JSON, or not of this type; names the key.
    """
    missing = "give the folder of a finished run" if fix == AGAIN else fix
    content = read_regular(path, limit, fix=missing).removeprefix(_BOM)
    value: Any = None
    try:
        value = msgspec.json.decode(content)
        _check_text(value, "", _DEEPEST)
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{shown(path)}: {conversion_problem(error, value, kind)}; {fix}") from None
    except RecursionError:
        raise UserError(f"{shown(path)}: is nested too deep; {fix}") from None
    except ValueError as error:  # malformed, bad UTF-8, or _check_text
        raise UserError(f"{shown(path)}: is not valid JSON ({shown(error)}); {fix}") from None


def in_file(path: Path, problems: list[str], *, fix: str = AGAIN) -> None:
    """Refuse a file with these problems, each ``key: what is wrong``.

    Raises:
        UserError: there are any; the first few are listed.
    """
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UserError(f"{shown(path)}: {shown('; '.join(problems[:3]), 600)}{more}; {fix}")


def _check_text(value: Any, key: str, depth: int) -> None:  # noqa: ANN401 - any JSON value
    if depth < 0:
        raise RecursionError
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name, key, depth)
            _check_text(inner, name, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _check_text(inner, key, depth - 1)
    elif isinstance(value, str) and (found := CONTROL.search(value)):
        raise ValueError(f"{shown(key, 60)}: holds the control character {found[0]!r}")


def conversion_problem(error: msgspec.ValidationError, value: Any, kind: Any) -> str:  # noqa: ANN401 - any
    """What msgspec found wrong, with the key in front: ``scores.patient: expected array, got str``."""
    reason, _, place = str(error).partition(" - at `$")
    key = re.sub(r"\[\.\.\.\]", "", place.rstrip("`")).strip(".")
    field = re.search(r"missing required field `(.*)`", reason)
    if field and key:
        return f"{shown(key, 100)}: lacks {field[1]}"
    if field:
        absent = kind.__required_keys__ - value.keys()
        return f"lacks {', '.join(sorted(absent))}"
    reason = shown(reason.replace("`", ""), 200)
    reason = reason[0].lower() + reason[1:]
    return f"{shown(key, 100)}: {reason}" if key else f"is not valid JSON of a run ({reason})"
