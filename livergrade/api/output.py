"""The output folder of a call from Python: guarded as that of a command, and errors as one exception."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from livergrade.cli.arguments import require_type
from livergrade.cli.output_folder import leave_as_found, make_folder
from livergrade.cli.system_errors import explain_system_error
from livergrade.errors import UserError
from livergrade.io.bars import bars_shown
from livergrade.io.home import expanded, provide_home
from livergrade.io.write_below import write_only_below
from livergrade.runs.paths import recorded_as


@contextmanager
def quietly(*, progress: bool = True) -> Iterator[None]:
    """Have a block raise failures of the machine as `UserError`, and show progress where somebody sees it.

    Args:
        progress: whether progress is shown at all.

    Raises:
        UserError: with the cause and the fix, of the disk or the memory too.
        KeyboardInterrupt: the block was interrupted.
    """
    provide_home()
    try:
        with bars_shown(progress):
            yield
    except UserError:
        raise
    except SystemExit as end:
        if end.code == 130:  # an interrupt: a notebook goes on
            raise KeyboardInterrupt from None
        raise
    except Exception as error:
        if message := explain_system_error(error):
            raise UserError(message) from error
        raise


@contextmanager
def output_folder(
    folder: Path,
    call: str,
    *,
    inputs: Iterable[Path] = (),
    new: bool = False,
    cache: str | None = None,
    progress: bool = True,
) -> Iterator[None]:
    """Make an output folder, and have the block write nowhere but there and into the caches.

    One at a time: calls from several threads would share what they may write.

    Args:
        folder: the folder, absolute. If nothing is written before an error, it is left as it was.
        call: what is recorded in place of a command line.
        inputs: folders that are read, and may hold it.
        new: whether no run may be in it.
        cache: the cache folder that was named; None: none was.
        progress: whether progress is shown.

    Raises:
        UserError: as of `quietly`; or the folder can't be used.
    """
    with quietly(progress=progress):
        make_folder(folder, inputs, new=new)
        try:
            with write_only_below(folder, cache=cache), recorded_as(call):
                yield
        except BaseException:
            leave_as_found(folder)
            raise


def absolute(folder: str | Path, called: str) -> Path:
    """The absolute path; links are not followed.

    Args:
        folder: as it was given.
        called: name of the argument.

    Raises:
        UserError: it is no path, or begins with the home folder of an unknown user.
    """
    require_type(called, folder, (str, os.PathLike), "the path of a folder")
    return Path(os.path.abspath(expanded(folder)))  # noqa: PTH100 - resolve() would follow links
