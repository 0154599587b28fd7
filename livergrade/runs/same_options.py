"""What an earlier start left in a folder is kept only where it was made by the same options."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livergrade.errors import UserError


def refuse_other_options(
    folder: Path, before: Mapping[str, Any], now: Mapping[str, Any], *, fix: str
) -> None:
    """Compare the options of now with those of an earlier start.

    Args:
        folder: that both write into.
        before: the options then.
        now: the options now; those that ``before`` has beyond these may differ.
        fix: what to do.

    Raises:
        UserError: with every option that differs.
    """
    if differing := [key for key in now if before.get(key) != now[key]]:
        lines = [f"  {key}: {before.get(key, 'unknown')} there, {now[key]} now" for key in differing]
        raise UserError(f"{folder}: was made with other options; {fix}:\n" + "\n".join(lines))
