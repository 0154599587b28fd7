"""Reuse the files of an earlier start in a folder only if its options were the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livergrade.errors import UserError


def refuse_other_options(
    folder: Path, before: Mapping[str, Any], now: Mapping[str, Any], *, fix: str
) -> None:
    """Compare the current options with those of an earlier start.

    Args:
        folder: common output folder.
        before: options of the earlier start.
        now: current options; keys that only ``before`` has are ignored.
        fix: remedy named in the message.

    Raises:
        UserError: lists all options that differ.
    """
    if differing := [key for key in now if before.get(key) != now[key]]:
        lines = [f"  {key}: {before.get(key, 'unknown')} there, {now[key]} now" for key in differing]
        raise UserError(f"{folder}: was made with other options; {fix}:\n" + "\n".join(lines))
