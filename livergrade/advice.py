"""What to do when the machine gives out: a full disk, no memory, a reader that was killed."""

import errno
import shutil
from pathlib import Path

_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota of the disk is used up",
    errno.EROFS: "the disk can only be read",
    errno.EACCES: "you may not write or read there",
    errno.EPERM: "you may not write or read there",
    errno.EMFILE: "too many files are open; raise ulimit -n, or lower data.workers",
}


def advice(error: BaseException) -> str | None:
    """One line on what happened and what to do; None for what is nobody's fault but ours."""
    text, kind = str(error), type(error).__name__
    if isinstance(error, OSError) and error.errno in _DISK:
        name = error.filename or "a file"
        left = f", {room(Path(str(name)))}" if error.errno == errno.ENOSPC else ""
        return f"{name}: {_DISK[error.errno]}{left}. What was finished is whole; make room, then start again"
    if kind == "OutOfMemoryError" or "CUDA out of memory" in text:
        return (
            "the GPU's memory ran out. Lower data.batch_size or data.image_size, set "
            "trainer.precision=bf16-mixed, data.cache=disk, or choose a smaller model"
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return "memory ran out. Lower data.batch_size, data.image_size or data.workers; set data.cache=disk"
    if "DataLoader worker" in text and ("killed" in text or "exited unexpectedly" in text):
        return (
            f"{text.splitlines()[0]} A loader process was killed, most often because memory, "
            "or shared memory (/dev/shm), ran out. Lower data.workers; 0 is right for a cached cohort"
        )
    return None


def room(path: Path) -> str:
    """How much is free where a file is, or was to be."""
    folder = next((each for each in (path, *path.parents) if each.is_dir()), None)
    return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are left" if folder else "no folder"
