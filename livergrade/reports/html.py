"""Write a self-contained HTML page from a template."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from livergrade import __version__
from livergrade.io.counted import counted
from livergrade.io.files import atomic_write
from livergrade.io.inside import Inside
from livergrade.io.visible import visible
from livergrade.reports.format import bounds, value


def write_page(folder: Path, template: str, *, page: str = "report.html", **values: object) -> Path:
    """Write a page into a folder atomically.

    Args:
        folder: output folder.
        template: file name in this package.
        page: file name of the page.
        values: variables of the template. Each is escaped; a missing one is an error.

    Returns:
        Path of the page.
    """
    pages = Environment(
        loader=PackageLoader("livergrade.reports", "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"value": value, "bounds": bounds, "counted": counted}
    text = pages.get_template(template).render(version=__version__, **values)
    target = folder / page
    with atomic_write(target) as part:
        part.write_text(text, encoding="utf-8")
    return target


def _shown(content: object) -> object:
    """A value with control characters as escapes: some would turn the direction of the text behind them."""
    return visible(content) if type(content) is str else content


def inlined_figures(
    folder: Path, captions: Mapping[str, str], kinds: Sequence[str] = ("jpg", "png", "svg")
) -> list[dict[str, str]]:
    """The named figures that exist in the folder, in this order, as data URIs with their captions.

    A link that leads out of the folder is no figure: the page would hold a file from elsewhere.

    Args:
        folder: folder of the figures.
        captions: file name without extension → caption.
        kinds: file extensions; if a figure has several, the last is used.
    """
    below = Inside(folder)
    files = {
        path.stem: path
        for suffix in kinds
        for path in sorted(folder.glob(f"*.{suffix}"))
        if path.is_file() and below.holds(path.name)
    }
    types = {".jpg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml"}
    return [
        {
            "name": name,
            "caption": caption,
            "uri": f"data:{types[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}",
        }
        for name, caption in captions.items()
        if (path := files.get(name))
    ]
