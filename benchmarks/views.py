"""Time to make a view: ours from the decoded cache against torchvision's from the file, in one run.

    python benchmarks/views.py [--images 18] [--scale 1.0] [--size 224] [--rounds 5]

Both give a normalised float tensor of one image turned by a multiple of 10 degrees. The peer decodes, resizes
and rotates with torchvision's transforms on Pillow images, as training from files does. The two alternate;
the ratio of each round is printed, then the median. Absolute times say nothing on a shared machine.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import functional as F

from livergrade.data.augment import make_views
from livergrade.data.cache import decoded
from livergrade.data.cohort import Cohort, from_manifest
from livergrade.data.synthetic import GRADES, synthetic_cohort
from livergrade.models import IMAGENET


def ours(cache: np.ndarray, degrees: list[float], size: int) -> torch.Tensor:
    """All views in batches of 32."""
    views = []
    for start in range(0, len(cache), 32):
        images = torch.from_numpy(np.array(cache[start : start + 32]))
        angles = torch.tensor(degrees[start : start + 32])
        upright = torch.zeros(len(images), dtype=torch.bool)
        views.append(
            make_views(images, angles, upright, None, size=size, border="black", normalisation=IMAGENET)
        )
    return torch.cat(views)


def torchvisions(cohort: Cohort, degrees: list[float], size: int) -> torch.Tensor:
    """The same views, each from its file."""
    views = []
    for path, angle in zip(cohort.paths, degrees, strict=True):
        image = F.center_crop(F.resize(Image.open(path).convert("RGB"), size), [size, size])
        turned = F.rotate(image, angle, F.InterpolationMode.BILINEAR)
        views.append(F.normalize(F.to_tensor(turned), *map(list, IMAGENET)))
    return torch.stack(views)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=18)
    parser.add_argument("--scale", type=float, default=1.0, help="of 1665 x 1393 px")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        patients = -(-chosen.images // 18)
        manifest = synthetic_cohort(Path(folder), scale=chosen.scale, patients=(patients,) * 3)
        cohort = from_manifest(manifest, list(GRADES))
        cache = decoded(cohort, chosen.size, Path(folder))
        degrees = [10.0 * (row % 36) for row in range(len(cache))]
        difference = (ours(cache, degrees, chosen.size) - torchvisions(cohort, degrees, chosen.size)).abs()
        print(
            f"{len(cache)} images, {chosen.size} px; mean difference of the views {difference.mean():.3f} sd"
        )
        ratios = []
        for number in range(chosen.rounds):
            times = []
            for make in (
                lambda: torchvisions(cohort, degrees, chosen.size),
                lambda: ours(cache, degrees, chosen.size),
            ):
                start = time.perf_counter()
                make()
                times.append(time.perf_counter() - start)
            ratios.append(times[0] / times[1])
            print(
                f"round {number + 1}: files {times[0]:.2f} s, cache {times[1]:.2f} s, ratio {ratios[-1]:.1f}"
            )
        print(f"median: a view from the cache is made {statistics.median(ratios):.1f} times as fast")


if __name__ == "__main__":
    main()
