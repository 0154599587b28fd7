"""What a process writes, renames, links and removes, told by Python's audit events."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

CHANGES = {
    "os.rename": 2,
    "os.remove": 1,
    "os.rmdir": 1,
    "os.mkdir": 1,
    "os.link": 2,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.chmod": 1,
    "os.chown": 1,
    "os.utime": 1,
    "shutil.rmtree": 1,
    "shutil.move": 2,
    "sqlite3.connect": 1,
}
"""Events that change files, and how many of their first arguments are paths."""
FOLDER = {"os.remove": 1, "os.rmdir": 1, "os.mkdir": 2, "os.rename": 2, "os.utime": 3, "os.chmod": 2}
"""At which place an event gives the descriptor of the folder that a relative path starts from."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def watch(allowed: Sequence[Path], breach: Callable[[str], None]) -> None:
    """Call ``breach(what)`` for each change outside of these folders, to the end of the process.

    A path counts as where it leads to, links resolved; for what is removed or made, as where its folder
    leads to.
    """
    sys.dont_write_bytecode = True  # of modules that are imported from now on: those files are Python's own
    roots = [form(folder) for folder in allowed for form in (os.path.realpath, os.path.abspath)]
    busy = False

    def inside(path: str) -> bool:
        return any(path == root or path.startswith(root + os.sep) for root in roots)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal busy
        if busy or not (event == "open" or event in CHANGES):
            return
        busy = True
        try:
            for path, follow in _changed(event, arguments):
                parent, name = os.path.split(path)
                real = os.path.realpath(path) if follow else os.path.join(os.path.realpath(parent), name)
                if not inside(real):
                    breach(f"{event} {path}" + (f" → {real}" if real != path else ""))
        finally:
            busy = False

    sys.addaudithook(hook)


def _changed(event: str, arguments: tuple[object, ...]) -> list[tuple[str, bool]]:
    """The absolute paths that an event changes, and whether a link there is followed."""
    if event == "open":
        path, flags = arguments[0], arguments[2]
        if not isinstance(flags, int) or not flags & WRITES or isinstance(path, int) or path is None:
            return []
        return [(_absolute(path, None), not flags & os.O_NOFOLLOW)]
    paths = arguments[: CHANGES[event]]
    place = FOLDER.get(event)
    folder = arguments[place] if place and place < len(arguments) else None
    if event == "os.symlink":
        paths = paths[1:]  # the first is only what the link says
    follow = event in ("os.truncate", "os.chmod", "os.chown", "os.utime", "sqlite3.connect")
    return [(_absolute(path, folder), follow) for path in paths if not isinstance(path, int)]


def _absolute(path: object, folder: object) -> str:
    text = os.fsdecode(path)  # type: ignore[arg-type]
    if os.path.isabs(text):
        return os.path.normpath(text)
    start = os.readlink(f"/proc/self/fd/{folder}") if isinstance(folder, int) and folder >= 0 else os.getcwd()
    return os.path.normpath(os.path.join(start, text))


def contents(folder: Path) -> dict[str, object]:
    """What lies in a folder: the bytes of files, where links lead, folders."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = path.is_dir()
    return found
