"""The starts of a run in words, for its report and its model card."""

from __future__ import annotations

from livergrade.runs.environment import Environment


def duration(seconds: float | None) -> str:
    """A duration in hours, minutes and seconds."""
    if seconds is None:
        return "duration not recorded"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min {rest} s" if minutes >= 60 else f"{minutes} min {rest} s"


def start_lines(environment: Environment) -> list[str]:
    """One line for each start of a run that was resumed: when, where it resumed, how long, and its command.

    Returns:
        No line for a run of one start, which the other facts describe.
    """
    starts = environment.get("starts", [])
    return [
        f"{start['when'] or 'time not recorded'}: "
        + (f"resumed from {start['resumed']}, " if start["resumed"] else "began, ")
        + duration(start["seconds"])
        + f": {start['command']}"
        for start in starts
        if len(starts) > 1
    ]
