"""Common style of all figures, and how they are written to files."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text

from livergrade.io.files import atomic_write
from livergrade.io.visible import without_controls
from livergrade.reports.palette import INK, MUTED, RULE, WARNING

SHARE = LinearSegmentedColormap.from_list("share", ["#f7fafc", "#bcd6ea", "#5b9bc9", "#1f5f99", "#123f6b"])


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure atomically as PNG (150 dpi) and SVG.

    Args:
        figure: Figure to write.
        path: Path; its suffix is replaced, its folder is created if missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    literal(figure)
    for suffix, canvas, metadata in (
        (".png", FigureCanvasAgg, {}),
        (".svg", FigureCanvasSVG, {"Date": None}),
    ):
        buffer = io.BytesIO()
        canvas(figure)
        # a fixed salt, so that the same figure gives the same bytes
        with mpl.rc_context({"svg.hashsalt": "livergrade", "text.parse_math": False}):
            figure.savefig(buffer, format=suffix[1:], dpi=150, metadata=metadata)
        target = path.with_suffix(suffix)
        with atomic_write(target) as part:
            part.write_bytes(buffer.getvalue())


def literal(figure: Figure) -> None:
    """Show every text as it is: a $ in a name is a dollar sign, and control characters are left out."""
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_parse_math(False)
            if (shown := without_controls(text.get_text())) != text.get_text():
                text.set_text(shown)


def heading(figure: Figure, title: str, note: str) -> None:
    """Write the title at the top left and, below it, the note in the warning colour."""
    width, height = figure.get_size_inches()
    if figure.get_layout_engine() is not None:
        title = textwrap.fill(title, int(width / 0.092))
        note = textwrap.fill(note, int(width / 0.068))
    title_lines, note_lines = title.count("\n") + bool(title), note.count("\n") + bool(note)
    used = 0.1 + 0.2 * title_lines
    figure.text(0.1 / width, 1 - 0.08 / height, title, va="top", fontsize=11, fontweight="bold", color=INK)
    if note:
        figure.text(0.1 / width, 1 - used / height, note, va="top", fontsize=8.5, color=WARNING)
    if (engine := figure.get_layout_engine()) is not None:
        engine.set(wspace=0.05, rect=(0, 0, 1, 1 - (used + 0.17 * note_lines + 0.06) / height))  # type: ignore[call-arg]


def wrap(name: str) -> str:
    """Wrap a grade's name at spaces; break a single word only if it is very long."""
    return textwrap.fill(name, max(13, min(18, max(map(len, name.split()), default=0))))


def hide_spines(axes: Axes) -> None:
    """Hide top and right spines and mute the others and the ticks."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(colors=MUTED, labelsize=8.5, labelcolor=INK)
    axes.xaxis.label.set(color=MUTED, size=9)
    axes.yaxis.label.set(color=MUTED, size=9)
    axes.set_axisbelow(True)
