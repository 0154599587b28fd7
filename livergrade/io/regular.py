"""Say why a path is not a file that can be read, without opening it: a named pipe would block for ever."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a named pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)


def no_file(path: Path) -> str | None:
    """Return why a path is no file that can be read, in words that follow its name; None if it is one."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - Path.stat refuses a name with a zero byte differently
    except FileNotFoundError:
        return "does not exist"
    except (OSError, ValueError) as error:
        return f"can't be opened: {getattr(error, 'strerror', None) or error}"
    return next((f"{words}, not a file" for test, words in _KINDS if test(mode)), None)
