"""The starts of a run: one that was stopped and resumed keeps what began it, and its time in all."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from livergrade.errors import UserError
from livergrade.runs.environment import Environment, Start, read_environment

log = logging.getLogger(__name__)

NOT_RECORDED = "not recorded"


def facts_before(run: Path) -> Environment:
    """What the earlier starts of a run recorded; nothing, with a warning, if their record can't be read."""
    try:
        return read_environment(run / "environment.json")
    except UserError as error:
        reason = str(error).rpartition(";")[0]
        log.warning("%s; it is written again, without the records of earlier starts", reason)
        return {}


def with_start(facts: Environment, earlier: Environment | None, resumed: str | None) -> Environment:
    """Return the record of a run at a new start, which has taken no time so far.

    Args:
        facts: facts of this start, with its ``command``.
        earlier: what the earlier starts recorded; None for the first start.
        resumed: where it resumes; None for the first start.
    """
    start: Start = {
        "when": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": facts["command"],
        "seconds": 0.0,
        "resumed": resumed,
    }
    starts = [start] if earlier is None else [*_starts(earlier), start]
    return facts | {"command": starts[0]["command"], "starts": starts}


def timed(facts: Environment, seconds: float) -> Environment:
    """Return the record with the time of its last start, and with the sum; null if one is not known."""
    *before, last = facts["starts"]
    starts: list[Start] = [*before, {**last, "seconds": round(seconds, 1)}]
    known = [start["seconds"] for start in starts if start["seconds"] is not None]
    total = round(sum(known), 1) if len(known) == len(starts) else None
    return facts | {"starts": starts, "seconds": total}


def _starts(earlier: Environment) -> list[Start]:
    """The earlier starts; a record that does not list them counts as one."""
    return earlier.get("starts") or [
        {
            "when": None,
            "command": earlier.get("command", NOT_RECORDED),
            "seconds": earlier.get("seconds"),
            "resumed": None,
        }
    ]
