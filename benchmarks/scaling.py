"""Memory and start-up of a run as the cohort grows: `data.cache=disk` against `ram`.

    python benchmarks/scaling.py [--images 444,4440] [--caches disk,ram] [--size 32] [--json FILE]

Each run is a process of its own that trains ResNet50 for one epoch, every image seen once, and tests; the
first of a cohort decodes, the second finds the cache and is the one whose memory is told. The cohorts are
small JPEGs, six a patient, since the pixels that are kept depend on the view's side and not on the files.
Memory is sampled from the kernel: what the process owns (RssAnon) apart from pages of mapped files (RssFile),
which the kernel takes back when it needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

GRADES = ("poor", "moderate", "well")


def write_cohort(folder: Path, images: int) -> Path:
    """So many images of grain in three shades, six a patient; returns the manifest."""
    rng = np.random.default_rng(images)
    folder.mkdir(parents=True)
    lines = ["image,patient,grade"]
    for number in range(images):
        patient = number // 6
        pixels = rng.integers(60, 120, (96, 112, 3)) + 40 * (patient % 3)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.jpg", quality=90)
        lines.append(f"{number}.jpg,P{patient},{GRADES[patient % 3]}")
    manifest = folder / "cohort.csv"
    manifest.write_text("\n".join(lines))
    return manifest


def trained(manifest: Path, cache: str, size: int, folder: Path, limit: int | None) -> dict[str, float]:
    """Train once and watch the process; MB (10⁶ bytes) at their peaks, and seconds."""
    words = [
        *(sys.executable, "-m", "livergrade.train", "model=resnet50", "data=manifest"),
        *(f"data.manifest={manifest}", f"data.cache={cache}", f"data.cache_dir={folder / 'cache'}"),
        *(f"data.image_size={size}", "trainer=cpu", "trainer.max_epochs=1", "trainer.progress=false"),
        *("augment.test_views=upright", "split.val_fraction=0.05", "split.test_fraction=0.05"),
        f"hydra.run.dir={folder / 'run'}",
        *([f"trainer.limit_batches={limit}"] if limit else []),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    started = time.monotonic()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)  # noqa: S603
    peaks = {"VmHWM": 0.0, "RssAnon": 0.0, "RssFile": 0.0}
    while child.poll() is None:
        try:
            status = Path(f"/proc/{child.pid}/status").read_text()
        except OSError:
            break
        for line in status.splitlines():
            name, _, value = line.partition(":")
            if name in peaks:
                peaks[name] = max(peaks[name], int(value.split()[0]) * 1024 / 1e6)
        time.sleep(0.02)
    _, told = child.communicate()
    if child.returncode:
        raise RuntimeError(told.decode())
    facts = json.loads((folder / "run" / "environment.json").read_text())
    return peaks | {"seconds": time.monotonic() - started, "epochs": facts["epochs"]}


def measure(images: int, cache: str, size: int, limit: int | None, folder: Path) -> dict[str, Any]:
    """Two runs of one cohort."""
    manifest = write_cohort(folder / "cohort", images)
    first = trained(manifest, cache, size, folder / "first", limit)
    (folder / "second").mkdir()
    (folder / "first" / "cache").rename(folder / "second" / "cache")
    second = trained(manifest, cache, size, folder / "second", limit)
    arrays = sum(path.stat().st_size for path in (folder / "second" / "cache").rglob("*") if path.is_file())
    return {"images": images, "cache": cache, "disk": arrays / 1e6, "first": first, "second": second}


def main() -> None:
    """Print the table, and write JSON where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", default="444,4440")
    parser.add_argument("--caches", default="disk,ram")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--limit-batches", type=int, help="cut each pass after so many; for a trial")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    found = []
    print(
        "| cache | images | peak resident, MB | of it its own | mapped files | caches on disk, MB | run, s |"
    )
    print("|---|---|---|---|---|---|---|")
    for cache in chosen.caches.split(","):
        for images in map(int, chosen.images.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                one = measure(images, cache, chosen.size, chosen.limit_batches, Path(folder))
            found.append(one)
            peaks = " | ".join(f"{one['second'][name]:.0f}" for name in ("VmHWM", "RssAnon", "RssFile"))
            seconds = one["second"]["seconds"]
            print(f"| {cache} | {images:,} | {peaks} | {one['disk']:.1f} | {seconds:.0f} |", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
