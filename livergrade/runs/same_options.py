"""Reuse what an earlier start left only if it was made by the same options, from the same files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, REPORTING, TrainConfig
from livergrade.errors import UserError
from livergrade.io.visible import shown
from livergrade.runs.folder import read_options


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
    if lines := other_options(before, now):
        listed = "\n".join(f"  {line}" for line in lines)
        raise UserError(f"{folder}: was made with other options; {fix}:\n{listed}")


def refuse_other_run(run: Path, config: TrainConfig, *, fix: str) -> None:
    """Compare the options of a training run with those that it was started with.

    What computes and what is shown while it trains may differ: the network is the same.

    Args:
        run: folder of the earlier run.
        config: current options, with absolute paths.
        fix: remedy named in the message.

    Raises:
        UserError: lists all options that differ; or its options can't be read.
    """
    before = {key: value for key, _, value in options(read_options(run))}
    now = {key: value for key, _, value in options(config) if key not in (*MACHINE, *REPORTING)}
    refuse_other_options(run, before, now, fix=fix)


def other_options(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """List the options and files that differ, as messages that name both.

    Args:
        before: by name an option's value, or the identities of files, see :mod:`livergrade.io.kept`.
        now: the same now; keys that only ``before`` has are ignored.
    """
    lines = []
    for key in now:
        first, second = (_in_words(values.get(key, "unknown")) for values in (before, now))
        if before.get(key) != now[key]:
            changed = f"{second} was changed since" if first == second else f"{first} there, {second} now"
            lines.append(f"{key}: {changed}")
    return lines


def _in_words(value: Any) -> str:  # noqa: ANN401 - any option's value
    """A value for a message; of the identity of a file its path."""
    if isinstance(value, dict) and "path" in value:
        return shown(value["path"])
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return _in_words(value[0])
    return str(value)
