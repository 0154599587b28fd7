"""Messages about rows of a table: equal ones become one, with their number and the first rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

SHOWN = 3
"""Rows that are named of many with the same message; up to as many have a line each."""


def row_messages(found: Iterable[tuple[int, str]], where: Callable[[int], str]) -> list[str]:
    """Lines for what is wrong with rows, in the order of the first row of each.

    Args:
        found: numbers of rows, from 0, each with what is wrong there.
        where: name of a row in messages, by its number from 0.
    """
    rows: dict[str, list[int]] = {}
    for row, reason in found:
        rows.setdefault(reason, []).append(row)
    lines: list[tuple[int, str]] = []
    for reason, alike in rows.items():
        if len(alike) > SHOWN:
            first = ", ".join(where(row) for row in alike[:SHOWN])
            lines.append((alike[0], f"{first} and {len(alike) - SHOWN} more ({len(alike)} in all): {reason}"))
        else:
            lines += [(row, f"{where(row)}: {reason}") for row in alike]
    return [line for _, line in sorted(lines, key=lambda item: item[0])]
