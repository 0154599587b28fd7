"""Long simulations, cell by cell: each is a line of a file, so that a later call goes on after the last."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any


def stored(kind: type[Any], file: Path, settings: Mapping[str, int]) -> dict[Any, Any]:
    """What was found before, by cell.

    Args:
        kind: dataclass of a cell.
        file: file of results, a line of JSON for each cell; it need not be there.
        settings: how often a cell is drawn, and from which seed; other lines do not count.
    """
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    own = [one for one in map(json.loads, lines) if {key: one.get(key) for key in settings} == settings]
    return {kind(**one["cell"]): one["found"] for one in own}


def simulated(
    cells: Sequence[Any],
    simulate: Callable[[Any], Any],
    file: Path,
    settings: Mapping[str, int],
    judge: Callable[[Any, Any], str] | None = None,
) -> dict[Any, Any]:
    """Simulate the cells that are not in the file yet.

    Args:
        cells: the cells, dataclasses.
        simulate: returns what is found of a cell, for JSON.
        file: see `stored`.
        settings: see `stored`.
        judge: what is printed of a new cell.

    Returns:
        What was found, now or before, by cell.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    done = stored(type(cells[0]), file, settings)
    for number, cell in enumerate(cells, 1):
        if cell in done:
            continue
        print(f"{number} of {len(cells)}: {cell}", flush=True)
        done[cell] = simulate(cell)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"cell": asdict(cell), **settings, "found": done[cell]}) + "\n")
        if judge:
            print(judge(cell, done[cell]), flush=True)
    return done


def write_between(document: Path, text: str, start: str = "tables", end: str = "end") -> None:
    """Put a text between two comments of a page: ``<!-- start -->`` and ``<!-- end -->``."""
    head, _, rest = document.read_text("utf-8").partition(f"<!-- {start} -->")
    tail = rest.partition(f"<!-- {end} -->")[2]
    document.write_text(f"{head}<!-- {start} -->\n{text}\n<!-- {end} -->{tail}", "utf-8")
