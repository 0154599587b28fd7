"""What an explanation leaves: pictures and raw maps of each image, and a page on what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from livergrade.evaluation.faithfulness import METHODS, by_method
from livergrade.explanations.explained import Explained, Floats
from livergrade.io.files import atomic_write
from livergrade.reports import palette, style
from livergrade.reports.html import inlined_figures, write_page
from livergrade.reports.overlay import overlay


def picture(one: Explained, classes: Sequence[str]) -> Figure:
    """All maps of an image: per grade, over its turned views, of its attention, and what they are worth."""
    stages = _stages(one, "spatial")
    rows, columns = 4 if stages else 3, max(4, 1 + len(classes))
    figure = Figure((2.3 * columns, 2.45 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, method in enumerate(("hires_cam", "occlusion")):
        most = float(np.abs(one.maps[method]).max())
        for number, grade in enumerate(classes):
            _show(
                grid[row, 1 + number],
                overlay(one.view, one.maps[method][number], most),
                f"{METHODS[method]}, {grade}",
            )
    _show(grid[0, 0], one.view, "what the network sees")
    bars = grid[1, 0]
    bars.set_axis_on()
    bars.barh(range(len(classes)), one.probabilities, color=palette.GRADES[: len(classes)])
    bars.set(yticks=range(len(classes)), yticklabels=classes, xlim=(0, 1), xlabel="probability")
    bars.invert_yaxis()
    style.hide_spines(bars)
    most = float(np.abs(one.turned_mean).max())
    called = classes[one.called]
    _show(grid[2, 0], overlay(one.view, one.turned_mean, most), "mean of turned views")
    _show(grid[2, 1], overlay(one.view, one.turned_spread, most), "their standard deviation")
    for axes, number, title in ((grid[2, 2], 0, "deletion"), (grid[2, 3], 1, "insertion")):
        axes.set_axis_on()
        share = np.linspace(0, 1, one.curves["random"].shape[1])
        for method, line in (("hires_cam", "-"), ("occlusion", "--"), ("random", ":")):
            axes.plot(share, one.curves[method][number], line, color=palette.INK, label=METHODS[method])
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="share of the view", ylabel=f"p({called})")
        axes.set_title(title, fontsize=9)
        axes.legend(frameon=False, fontsize=7)
        style.hide_spines(axes)
    for place, (stage, gate) in enumerate(stages.items()):
        centred = gate - gate.mean()
        _show(
            grid[3, place],
            overlay(one.view, centred, float(np.abs(centred).max())),
            f"CBAM, {stage}: {gate.min():.2f}–{gate.max():.2f}",
        )
    image = one.image
    truth = f"truth: {image.grade}, " if image.grade else ""
    style.heading(figure, f"{image.name} ({truth}predicted: {called}; {image.why})", palette.NOTE)
    return figure


def gates_figure(explained: Sequence[Explained], classes: Sequence[str]) -> Figure | None:
    """Gates of the last block of each stage by channel, the mean over the images of each grade.

    Images whose grade nobody said count under the predicted one. Channels are in the order of their mean.

    Returns:
        None for a network that has no gates of channels.
    """
    by_stage = [_stages(one, "channel") | _stages(one, "branch") for one in explained]
    if not by_stage[0]:
        return None
    stages = list(by_stage[0])
    figure = Figure((2.6 * len(stages), 4.6), layout="constrained")
    grade = np.array([one.image.grade or classes[one.called] for one in explained])
    for (whole, apart), stage in zip(figure.subplots(2, len(stages), squeeze=False).T, stages, strict=True):
        gates = np.array([each[stage] for each in by_stage])
        mean = gates.mean(0)
        order = mean.argsort()
        whole.plot(mean[order], color=palette.INK, lw=0.9)
        whole.set_title(stage, fontsize=9)
        for number, name in enumerate(classes):
            if (grade == name).any():
                own = (gates[grade == name].mean(0) - mean)[order]
                apart.plot(own, color=palette.GRADES[number], lw=0.7, label=name)
        apart.set_xlabel("channel, in order")
        for axes in (whole, apart):
            axes.set_xlim(0, len(order) - 1)
            style.hide_spines(axes)
        if stage == stages[0]:
            whole.set_ylabel("mean of all")
            apart.set_ylabel("grade less mean")
    figure.legend(
        *apart.get_legend_handles_labels(), loc="outside lower center", ncols=len(classes), frameon=False
    )
    what = "weight of the widest field" if explained[0].attention[-1][1] == "branch" else "gate"
    style.heading(figure, f"Attention by channel: {what}, last block of each stage", palette.NOTE)
    return figure


def _stages(one: Explained, kind: str) -> dict[str, Floats]:
    """The gates of this kind of each stage: of the last block, or for places the mean over the blocks."""
    found: dict[str, list[Floats]] = {}
    for layer, of_kind, gates in one.attention:
        if of_kind == kind:
            found.setdefault(layer.partition(".")[0], []).append(gates[0] if kind == "spatial" else gates)
    if kind == "spatial":
        return {stage: np.mean(gates, 0) for stage, gates in found.items()}
    return {stage: gates[-1][-1] if kind == "branch" else gates[-1] for stage, gates in found.items()}


def _show(axes: Axes, pixels: NDArray[np.uint8], title: str) -> None:
    axes.imshow(pixels, interpolation="nearest")
    axes.set_title(title, fontsize=9)


def write_explanation(
    out: Path,
    explained: Sequence[Explained],
    classes: Sequence[str],
    model: str,
    run: str,
    table: list[dict[str, Any]],
) -> Path:
    """Write ``pictures/``, ``maps/<number>.npz`` and ``report.html``.

    Args:
        out: the folder.
        explained: the images.
        classes: the grades, worst to best.
        model: the network's name.
        run: its folder.
        table: of :func:`livergrade.evaluation.faithfulness.faithfulness_estimates`.

    Returns:
        Path of the page.
    """
    (out / "maps").mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(explained):
        style.save(picture(one, classes), out / "pictures" / f"{number:03d}.png")
        raw: dict[str, Any] = {
            "image": one.image.name,
            "classes": list(classes),
            "view": one.view,
            **one.maps,
        }
        raw |= {"turned_mean": one.turned_mean, "turned_spread": one.turned_spread}
        raw |= {f"gate/{layer}": gate for layer, _, gate in one.attention}
        raw |= {f"curve/{method}": curve for method, curve in one.curves.items()}
        with atomic_write(out / "maps" / f"{number:03d}.npz") as part, part.open("wb") as file:
            np.savez_compressed(file, **raw)
    if profile := gates_figure(explained, classes):
        style.save(profile, out / "pictures" / "gates.png")
    names = {f"{number:03d}": one.image.name for number, one in enumerate(explained)}
    return write_page(
        out,
        "explain.html.j2",
        model=model,
        run=run,
        number=len(explained),
        methods=METHODS,
        sanity=by_method(table),
        pictures=inlined_figures(out / "pictures", names, kinds=("png",)),
        gates=inlined_figures(out / "pictures", {"gates": "Attention by channel"}, kinds=("png",)),
    )
