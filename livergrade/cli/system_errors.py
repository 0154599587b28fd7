"""User messages for failures of the machine: full disk, out of memory, killed loader process."""

import errno
from pathlib import Path

from livergrade.io.disk import free_space
from livergrade.io.locale_letters import locale_problem
from livergrade.io.visible import one_line

_ELSEWHERE = "choose another folder"
_DISK = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("your quota of the disk is used up", "free some space"),
    errno.EROFS: ("the disk is read-only", _ELSEWHERE),
    errno.EACCES: ("no permission to read or write there", _ELSEWHERE),
    errno.EPERM: ("no permission to read or write there", _ELSEWHERE),
    errno.ENOTDIR: ("a file is where a folder should be", _ELSEWHERE),
    errno.EISDIR: ("a folder is where a file should be", _ELSEWHERE),
    errno.EEXIST: ("something else is there already", _ELSEWHERE),
    errno.ELOOP: ("is a link, or is behind links that form a circle", _ELSEWHERE),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EMFILE: ("too many files are open", "raise ulimit -n, or lower data.workers"),
}


def explain_system_error(error: BaseException) -> str | None:
    """One line with the cause and the remedy; None for errors that are bugs of livergrade."""
    text, kind = str(error), type(error).__name__
    if isinstance(error, UnicodeEncodeError) and (lacks := locale_problem()):
        return f"{one_line(error.object)}: {lacks}"
    if isinstance(error, OSError) and error.errno in _DISK:
        name = error.filename or "a file"
        cause, fix = _DISK[error.errno]
        space_left = f", {free_space(Path(str(name)))}" if error.errno == errno.ENOSPC else ""
        return f"{name}: {cause}{space_left}. Finished files are complete; {fix}, then start again"
    if kind == "OutOfMemoryError" or "CUDA out of memory" in text:
        return (
            "the GPU's memory ran out. Lower data.batch_size (in prediction batch_size), raise "
            "trainer.gpu_share where it is set, set data.cache=disk, or choose a smaller data.image_size or "
            "model"
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return "memory ran out. Lower data.batch_size, data.image_size or data.workers; set data.cache=disk"
    if "does not have a deterministic implementation" in text:
        return (
            f"{text.split()[0]} is not deterministic on this device, and PyTorch has no other kernel "
            "for it. Leave out trainer.deterministic=true, train on a CPU, or choose another model"
        )
    if "DataLoader worker" in text and ("killed" in text or "exited unexpectedly" in text):
        return (
            f"{text.splitlines()[0]} A loader process was killed, most often because memory, "
            "or shared memory (/dev/shm), ran out. Lower data.workers; 0 is right for a cached cohort"
        )
    return None
