"""Output files of an explanation: figures and raw maps of each image, and a report on faithfulness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from livergrade.evaluation.faithfulness import METHODS, Faithfulness, by_method
from livergrade.explanations.explained import Explained, Floats
from livergrade.explanations.seen_images import SeenImage
from livergrade.io.files import atomic_write
from livergrade.io.grades import WITHHELD
from livergrade.reports import palette, style
from livergrade.reports.html import inlined_figures, write_page
from livergrade.reports.overlay import overlay


def plot_explanation(item: Explained, classes: Sequence[str]) -> Figure:
    """Plot all maps of an image: per grade, over rotated views, attention, and the faithfulness curves."""
    stages = _gates_by_stage(item, "spatial")
    rows, columns = 4 if stages else 3, max(4, 1 + len(classes))
    figure = Figure((2.3 * columns, 2.45 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, method in enumerate(("hires_cam", "occlusion")):
        limit = float(np.abs(item.maps[method]).max())
        for label, grade in enumerate(classes):
            _show_image(
                grid[row, 1 + label],
                overlay(item.view, item.maps[method][label], limit),
                f"{METHODS[method]}, {grade}",
            )
    _show_image(grid[0, 0], item.view, "what the network sees")
    bars = grid[1, 0]
    bars.set_axis_on()
    bars.barh(range(len(classes)), item.probabilities, color=(palette.GRADES * len(classes))[: len(classes)])
    bars.set(yticks=range(len(classes)), yticklabels=classes, xlim=(0, 1), xlabel="probability")
    bars.invert_yaxis()
    style.hide_spines(bars)
    limit = float(np.abs(item.turned_mean).max())
    predicted = classes[item.predicted]
    _show_image(grid[2, 0], overlay(item.view, item.turned_mean, limit), "mean of rotated views")
    if np.isfinite(item.turned_spread).any():  # one view has none
        _show_image(grid[2, 1], overlay(item.view, item.turned_spread, limit), "their standard deviation")
    _plot_curves(figure, (grid[2, 2], grid[2, 3]), item, predicted)
    for column, (stage, gate) in enumerate(stages.items()):
        centred = gate - gate.mean()
        _show_image(
            grid[3, column],
            overlay(item.view, centred, float(np.abs(centred).max())),
            f"CBAM, {stage}: {gate.min():.2f}–{gate.max():.2f}",
        )
    image = item.image
    truth = f"truth: {image.grade}, " if image.grade else ""
    given = f"predicted: {predicted}"
    if item.answer != predicted:
        given = f"answer: {item.answer}; the most probable grade would be {predicted}"
    style.heading(figure, f"{image.name} ({truth}{given}; {image.why})", palette.NOTE)
    return figure


def _plot_curves(figure: Figure, panels: tuple[Axes, Axes], item: Explained, predicted: str) -> None:
    """Plot the probability of the predicted grade during deletion and insertion, with one legend below."""
    share = np.linspace(0, 1, item.curves["random"].shape[1])
    for curve, (axes, title) in enumerate(zip(panels, ("deletion", "insertion"), strict=True)):
        axes.set_axis_on()
        for method, line in (("hires_cam", "-"), ("occlusion", "--"), ("random", ":")):
            axes.plot(share, item.curves[method][curve], line, color=palette.INK, label=METHODS[method])
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="share of the view", ylabel=f"p({predicted})")
        axes.set_title(title, fontsize=9)
        style.hide_spines(axes)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=8,
        title="Deletion and insertion by",
        title_fontsize=8,
    )


def plot_gates(explained: Sequence[Explained], classes: Sequence[str]) -> Figure | None:
    """Plot the channel gates of the last block of each stage, averaged over the images of each grade.

    Images without a true grade count under the predicted grade, if one is answered. Channels are sorted by
    their mean.

    Returns:
        None for a network without channel gates.
    """
    by_stage = [_gates_by_stage(item, "channel") | _gates_by_stage(item, "branch") for item in explained]
    if not by_stage[0]:
        return None
    stages = list(by_stage[0])
    figure = Figure((2.6 * len(stages), 4.6), layout="constrained")
    grade = np.array([item.image.grade or item.answer for item in explained])
    columns = figure.subplots(2, len(stages), squeeze=False).T
    for (mean_axes, difference_axes), stage in zip(columns, stages, strict=True):
        gates = np.array([image_gates[stage] for image_gates in by_stage])
        mean = gates.mean(0)
        order = mean.argsort()
        mean_axes.plot(mean[order], color=palette.INK, lw=0.9)
        mean_axes.set_title(stage, fontsize=9)
        for label, name in enumerate(classes):
            if (grade == name).any():
                difference = (gates[grade == name].mean(0) - mean)[order]
                difference_axes.plot(
                    difference, color=palette.GRADES[label % len(palette.GRADES)], lw=0.7, label=name
                )
        difference_axes.set_xlabel("channel, in order")
        for axes in (mean_axes, difference_axes):
            axes.set_xlim(0, len(order) - 1)
            style.hide_spines(axes)
        if stage == stages[0]:
            mean_axes.set_ylabel("mean of all")
            difference_axes.set_ylabel("grade less mean")
    figure.legend(
        *difference_axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(classes),
        frameon=False,
    )
    quantity = "weight of the widest field" if explained[0].attention[-1][1] == "branch" else "gate"
    style.heading(figure, f"Attention by channel: {quantity}, last block of each stage", palette.NOTE)
    return figure


def _gates_by_stage(item: Explained, kind: str) -> dict[str, Floats]:
    """Return the gates of a kind per stage: of the last block, or for spatial gates the mean over blocks."""
    blocks: dict[str, list[Floats]] = {}
    for layer, block_kind, gates in item.attention:
        if block_kind == kind:
            blocks.setdefault(layer.partition(".")[0], []).append(gates[0] if kind == "spatial" else gates)
    if kind == "spatial":
        return {stage: np.mean(gates, 0) for stage, gates in blocks.items()}
    return {stage: gates[-1][-1] if kind == "branch" else gates[-1] for stage, gates in blocks.items()}


def _show_image(axes: Axes, pixels: NDArray[np.uint8], title: str) -> None:
    axes.imshow(pixels, interpolation="nearest")
    axes.set_title(title, fontsize=9)


MADE = {
    "": r"report\.html|sanity\.json",
    "pictures": r"(\d{3,}|gates)\.(png|svg)",
    "maps": r"\d{3,}\.npz",
}
"""Names of the files of an explanation, by folder."""


def write_explanation(
    out: Path,
    explained: Sequence[Explained],
    classes: Sequence[str],
    model: str,
    run: str,
    table: list[Faithfulness],
    seen: Sequence[SeenImage] = (),
) -> Path:
    """Write ``pictures/``, ``maps/<number>.npz`` and ``report.html``.

    Args:
        out: the output folder.
        explained: the explained images.
        classes: the grades, worst to best.
        model: the network's name.
        run: the run's name on the page.
        table: from :func:`livergrade.evaluation.faithfulness.faithfulness_estimates`.
        seen: the images that networks were trained on, from
            :func:`livergrade.explanations.seen_images.seen_images`.

    Returns:
        Path of the report.
    """
    (out / "maps").mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(explained):
        style.save(plot_explanation(item, classes), out / "pictures" / f"{number:03d}.png")
        raw: dict[str, Any] = {
            "image": item.image.name,
            "classes": list(classes),
            "answer": item.answer,
            "view": item.view,
            **item.maps,
        }
        raw |= {"turned_mean": item.turned_mean, "turned_spread": item.turned_spread}
        raw |= {f"gate/{layer}": gate for layer, _, gate in item.attention}
        raw |= {f"curve/{method}": curve for method, curve in item.curves.items()}
        with atomic_write(out / "maps" / f"{number:03d}.npz") as part, part.open("wb") as file:
            np.savez_compressed(file, **raw)
    if gates_plot := plot_gates(explained, classes):
        style.save(gates_plot, out / "pictures" / "gates.png")
    names = {f"{number:03d}": item.image.name for number, item in enumerate(explained)}
    return write_page(
        out,
        "explain.html.j2",
        model=model,
        run=run,
        number=len(explained),
        seen=seen,
        withheld=Counter(item.answer for item in explained if item.answer in WITHHELD),
        methods=METHODS,
        sanity=by_method(table),
        pictures=inlined_figures(out / "pictures", names, kinds=("png",)),
        gates=inlined_figures(out / "pictures", {"gates": "Attention by channel"}, kinds=("png",)),
    )
