"""Size, speed and truth of exported networks: ONNX Runtime against PyTorch, one image at a time on a CPU.

    python benchmarks/export.py [--models senet,cbam] [--sizes 64,224] [--rounds 7]
                                [--precisions float16,int8] [--json FILE]

Random weights, but otherwise what ``livergrade.export`` writes and what ``livergrade.predict`` grades with.
Both are timed from an image file (an uncompressed one, so that decoding costs neither much) to the
probabilities, in turns, after a pair that is not counted. A figure is the median over the rounds; a ratio is
PyTorch's time by ONNX Runtime's in the same round, its median with the quartiles: above 1 ONNX Runtime is
faster. The difference of probabilities is the largest of any view of six images of noise, of six sizes.
Files of lower precision are timed in the same rounds; their ratio is the time of the float32 file by theirs,
and the ranges of int8 are measured on the same noise. How true they are, only a trained network and real
images can tell: the command measures that.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from livergrade.config.schema import ModelConfig, TrainConfig
from livergrade.deploy.exportable import exportable
from livergrade.deploy.lower_precision import to_float16, to_int8
from livergrade.deploy.onnx_file import open_session, predict, write_onnx
from livergrade.deploy.parity import check_parity, draw_noise
from livergrade.evaluation.splits import COLUMNS, write_split
from livergrade.inference.grader import Grader
from livergrade.io.images import read_rgb, read_square
from livergrade.models.catalog import NAMES
from livergrade.runs.finished import mark_finished
from livergrade.runs.folder import save_config
from livergrade.runs.run import Run
from livergrade.training.setup import make_task


def write_untrained(folder: Path, name: str, size: int) -> None:
    """A run's folder as far as grading needs it, of a network with random weights."""
    config = TrainConfig(model=ModelConfig(name=name))
    config.data.image_size = size
    torch.manual_seed(0)
    split = pd.DataFrame(columns=COLUMNS)
    task = make_task(config, config.data.classes, "", split)
    for key, parameter in task.net.named_parameters():
        if key.endswith("bn3.weight"):  # they start at zero, which hides the branches
            torch.nn.init.constant_(parameter, 0.2)
    (folder / "checkpoints").mkdir(parents=True)
    save_config(folder, config)
    write_split(split, folder / "split.csv")
    checkpoint = {"hyper_parameters": dict(task.hparams), "state_dict": task.state_dict()}
    torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
    mark_finished(folder)


@torch.no_grad()
def spread(grader: Grader) -> float:
    """The temperature at which the logits of noise have standard deviation 1, after batch norms saw some.

    Without it the probabilities of random weights are all alike or all certain, and nothing could move them.
    """
    side = grader.size // 8 + 1
    cells = torch.randint(0, 256, (16, side, side, 3), dtype=torch.uint8)
    squares = cells.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, : grader.size, : grader.size]
    views = grader.view(squares.contiguous(), 0.0)
    for _ in range(20):
        grader.net.train()(views)
    logits: torch.Tensor = grader.net.eval()(views)
    return float(logits.std(0).mean())


def seconds(grade: Callable[[], object]) -> float:
    """Time of grading one image."""
    start = time.perf_counter()
    grade()
    return time.perf_counter() - start


def write_lower(file: Path, precisions: list[str]) -> dict[str, Path]:
    """Files of lower precision beside the one of float32, by their precision."""
    files = {precision: file.with_name(f"{precision}.onnx") for precision in precisions}
    for precision, target in files.items():
        if precision == "float16":
            to_float16(file, target)
        else:
            paths = draw_noise(file.parent)
            to_int8(file, target, lambda paths=paths: (read_rgb(path)[None] for path in paths))
    return files


def quartiles(one: list[float], other: list[float]) -> tuple[float, list[float]]:
    """Median and quartiles of the ratios of two times of the same round."""
    ratios = [ours / theirs for ours, theirs in zip(one, other, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return middle, [low, high]


def measure(name: str, size: int, image: Path, work: Path, chosen: argparse.Namespace) -> dict[str, object]:
    """One row of the table."""
    folder = work / f"{name}_{size}"
    write_untrained(folder, name, size)
    grader = Grader(Run(folder), str(chosen.views), "cpu")
    file = folder / "model.onnx"
    grader.temperature = spread(grader)
    write_onnx(exportable(grader), file, opset=18, facts={})
    agreement = check_parity(file, grader, [], "noise")
    session = open_session(file, threads=chosen.threads)
    sides = {
        "torch": lambda: grader.grade(torch.tensor(read_square(image, grader.size))[None]),
        "onnx": lambda: predict(session, read_rgb(image)[None]),
    }
    lower = write_lower(file, chosen.precisions)
    for precision, other in lower.items():
        opened = open_session(other, threads=chosen.threads)
        sides[precision] = lambda opened=opened: predict(opened, read_rgb(image)[None])
    times: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(chosen.rounds + 1):
        for side, grade in list(sides.items())[:: -1 if number % 2 else 1]:
            taken = seconds(grade)
            if number:  # the first pair warms up
                times[side].append(taken)
    ratio, (low, high) = quartiles(times["torch"], times["onnx"])
    row: dict[str, object] = {
        "model": name,
        "size": size,
        "mb": (mb := file.stat().st_size / 1e6),
        **{f"{side}_ms": 1e3 * statistics.median(taken) for side, taken in times.items()},
        "ratio": ratio,
        "quartiles": [low, high],
        "max_difference": agreement.max_difference,
    }
    cells = []
    for precision, other in lower.items():
        faster, (slow, fast) = quartiles(times["onnx"], times[precision])
        row[precision] = {"mb": other.stat().st_size / 1e6, "ratio": faster, "quartiles": [slow, fast]}
        cells.append(f" {other.stat().st_size / 1e6:.0f} MB, {faster:.2f} ({slow:.2f}–{fast:.2f}) |")
    print(
        f"| {name} | {size} | {mb:.0f} | {row['torch_ms']:.0f} | {row['onnx_ms']:.0f} "
        f"| {ratio:.2f} ({low:.2f}–{high:.2f}) | {agreement.max_difference:.1e} |" + "".join(cells),
        flush=True,
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default=",".join(NAMES))
    parser.add_argument("--sizes", default="64,224", help="network inputs, pixels a side")
    parser.add_argument("--image", default="1665x1393", help="of the image, pixels, width x height")
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--precisions", type=lambda text: text.split(",") if text else [], default="float16,int8"
    )
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    width, height = map(int, chosen.image.split("x"))
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime", "onnxscript"))
    print(
        f"CPU, {chosen.threads} threads, {versions}, image {width} × {height}, {chosen.views} views, "
        f"{chosen.rounds} rounds\n"
    )
    lower = "".join(f" {precision}: size, ratio |" for precision in chosen.precisions)
    print(
        f"| model | input, px | MB | PyTorch, ms | ONNX Runtime, ms | ratio (quartiles) | max abs Δp |{lower}"
    )
    print("|---|---|---|---|---|---|---|" + "---|" * len(chosen.precisions))
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(work / "image.bmp")
        rows = [
            measure(name, size, work / "image.bmp", work, chosen)
            for size in map(int, chosen.sizes.split(","))
            for name in chosen.models.split(",")
        ]
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
