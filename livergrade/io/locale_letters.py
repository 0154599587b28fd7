"""The letters that names may have in the locale of this process: in ASCII alone, ``ü`` is no letter."""

from __future__ import annotations

import sys


def locale_problem() -> str:
    """What this locale lacks, and the remedy; empty if names may have all letters, as in any UTF-8 locale."""
    coding = sys.getfilesystemencoding()
    if coding == "utf-8":
        return ""
    return (
        f"this locale has no such characters in the name of a file (encoding {coding}); set PYTHONUTF8=1, or "
        "LC_ALL=C.UTF-8"
    )
