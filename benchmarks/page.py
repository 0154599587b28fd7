"""Time of the page of an export: a browser (WebAssembly, one thread) against ONNX Runtime and PyTorch.

    python benchmarks/page.py [--models senet,<folder of a run>] [--size 64] [--rounds 7] [--json FILE]

The page is what ``livergrade.export page=true`` writes. A network that is named has random weights. All three
are timed from one uncompressed image file to the probabilities, one thread each, in turns, after a round that
is not counted. A figure is the median over the rounds; a ratio is the browser's time by the other's in the
same round, its median with the quartiles: above 1 the browser is slower. Loading is from the address to a
network that is ready; of a network that is not in the page, from the choice of its file. The difference of
probabilities is that image's largest from ONNX Runtime.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from export import quartiles, seconds, spread, write_untrained
from PIL import Image

from livergrade.config.schema import ExportConfig
from livergrade.deploy.exportable import exportable
from livergrade.deploy.grade_page import MOST_EMBEDDED, page_runtime, shrinks_columns_first, write_page
from livergrade.deploy.onnx_file import open_session, predict, write_onnx
from livergrade.inference.grader import Grader
from livergrade.io.images import read_square
from livergrade.runs.run import Run
from tests.reading.chromium import Page, opened

GRADE = (
    "(async () => { const start = performance.now(); const { row } = await grade(graded[0].picture); "
    "return [(performance.now() - start) / 1000, rules.classes.map((name) => row[`p_${name}`])]; })()"
)


def facts_of(grader: Grader, file: Path) -> dict[str, Any]:
    """What the page has to know of a network that was not trained."""
    return {
        "rules": {
            "classes": list(grader.classes),
            "square": grader.size,
            "distance_limit": None,
            "coverage": 0.9,
            "set_limits": {"image": None},
            "abstain": None,
            "unsure": "unsure",
            "unlike": "unlike training",
        },
        "icc": "ignore",
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "embedded": file.stat().st_size <= MOST_EMBEDDED,
        "tall_first": shrinks_columns_first(),
        "view_share": 1.0,
        "tile_um": 383.0,
        "scale_known": False,
        "limits": [],
        "notice": "",
        "card": {},
    }


async def loaded(page: Page, folder: Path, *, embedded: bool) -> float:
    """Open the page, until its network is ready; seconds."""
    start = time.perf_counter()
    await page.go((folder / "grade.html").as_uri())
    if not embedded:
        await page.until("!document.querySelector('#ask').hidden", 300)
        start = time.perf_counter()
        await page.choose("#model", [folder / "model.onnx"])
    await page.until("session !== undefined", 300)
    return time.perf_counter() - start


async def measure(name: str, image: Path, folder: Path, chosen: argparse.Namespace) -> dict[str, object]:
    """One row of the table."""
    trained, file = Path(name).is_dir(), folder / "model.onnx"
    if trained:
        folder.mkdir()
    else:
        write_untrained(folder, name, chosen.size)
    grader = Grader(Run(Path(name) if trained else folder), str(chosen.views), "cpu", calibrated=trained)
    if not trained:
        grader.temperature = spread(grader)
    write_onnx(exportable(grader, maps=True), file, opset=18, facts={})
    facts = facts_of(grader, file)
    write_page(folder / "grade.html", file, facts, page_runtime(ExportConfig(page=True)))
    session = open_session(file, threads=1)
    square = read_square(image, grader.size)
    expected = predict(session, square[None])[0][0]
    times: dict[str, list[float]] = {"browser": [], "onnx": [], "torch": []}
    async with opened(folder) as page:
        load = await loaded(page, folder, embedded=facts["embedded"])
        await page.choose("#files", [image])
        await page.until("graded.length === 1 && !busy", 300)
        for _ in range(chosen.rounds):
            taken, found = await page.js(GRADE)
            times["browser"].append(taken)
            sides = {
                "onnx": lambda: predict(session, read_square(image, grader.size)[None]),
                "torch": lambda: grader.grade(torch.tensor(read_square(image, grader.size))[None]),
            }
            for side, grade in sides.items():
                if not times[side]:
                    grade()  # warms up
                times[side].append(seconds(grade))
    row: dict[str, object] = {
        "model": grader.model,
        "model_mb": file.stat().st_size / 1e6,
        "page_mb": (folder / "grade.html").stat().st_size / 1e6,
        "load_s": load,
        **{f"{side}_s": statistics.median(taken) for side, taken in times.items()},
        "onnx": quartiles(times["browser"], times["onnx"]),
        "torch": quartiles(times["browser"], times["torch"]),
        "max_difference": float(np.abs(np.array(found) - expected).max()),
    }
    ratios = []
    for side in ("onnx", "torch"):
        middle, (low, high) = quartiles(times["browser"], times[side])
        ratios.append(f"{middle:.1f} ({low:.1f}–{high:.1f})")
    print(
        f"| {grader.model} | {row['model_mb']:.1f} | {row['page_mb']:.0f} | {load:.1f} "
        f"| {row['browser_s']:.2f} | {row['onnx_s']:.2f} | {row['torch_s']:.2f} | {ratios[0]} | {ratios[1]} "
        f"| {row['max_difference']:.1e} |",
        flush=True,
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default="senet")
    parser.add_argument("--size", type=int, default=64, help="network's input, pixels a side")
    parser.add_argument("--image", default="1665x1393", help="of the image, pixels, width x height")
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    width, height = map(int, chosen.image.split("x"))
    print(
        "| model | MB | page, MB | load, s | browser, s | ONNX Runtime, s | PyTorch, s "
        "| by ONNX | by PyTorch | Δp |"
    )
    print("|" + "---|" * 10)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(work / "image.bmp")
        rows = [
            asyncio.run(measure(name, work / "image.bmp", work / Path(name).name, chosen))
            for name in chosen.models.split(",")
        ]
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
