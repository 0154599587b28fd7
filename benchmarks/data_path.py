"""Views a second and core, and how true they are: ours against the ways a cohort is usually read.

    python benchmarks/data_path.py [--format jpg] [--size 224] [--images 18] [--rounds 5] [--json FILE]

A view is one image turned by a multiple of 10 degrees, cut to its central square, `size` pixels a side,
normalised, as a float tensor. All ways make the same views on one thread, in turns; a figure is the median
over the rounds. PSNR is against the mean of 64 samples a pixel, inside the circle that every view shows. From
memory each peer starts from the same uint8 array as we do (1.6 times the view's side); some are also shown
from an array of the view's own side, which is faster and blurs. Peers that are not installed are left out:
pip install albumentations kornia monai.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import decode_image
from torchvision.transforms import functional as v1
from torchvision.transforms.v2 import functional as v2

from livergrade.data.augment import ViewParams, affine_maps, grid_sampled, make_views
from livergrade.data.cache import cached_size
from livergrade.data.cohort import from_manifest
from livergrade.data.synthetic.cohort import GRADES, synthetic_cohort
from livergrade.models.architecture import IMAGENET

BILINEAR, BICUBIC = v1.InterpolationMode.BILINEAR, v1.InterpolationMode.BICUBIC
SAVED: dict[str, dict[str, Any]] = {".jpg": {"quality": 90}, ".png": {}, ".tif": {"compression": "tiff_lzw"}}
Way = Callable[[int, float], Tensor]  # image, degrees → float [3, size, size]
Batched = Callable[[list[int], list[float]], Tensor]  # → float [B, 3, size, size]


def one_by_one(way: Way) -> Batched:
    """A way that makes one view at a time, as one that makes a batch."""
    return lambda rows, degrees: torch.stack(
        [way(row, turn) for row, turn in zip(rows, degrees, strict=True)]
    )


def ours(cache: np.ndarray, size: int) -> Batched:
    """What livergrade does on a CPU: one uint8 warp and one table a view."""

    def make(rows: list[int], degrees: list[float]) -> Tensor:
        how = replace(ViewParams.upright(len(rows)), degrees=torch.tensor(degrees))
        return make_views(
            torch.from_numpy(cache[rows]), how, size=size, border="black", normalisation=IMAGENET
        )

    return make


def ours_from_files(paths: list[Path], size: int) -> Batched:
    """What livergrade does with data.cache=none."""
    from livergrade.io.images import read_square

    def make(rows: list[int], degrees: list[float]) -> Tensor:
        side = cached_size(size, "black")
        images = torch.from_numpy(np.stack([read_square(paths[row], side) for row in rows]))
        how = replace(ViewParams.upright(len(rows)), degrees=torch.tensor(degrees))
        return make_views(images, how, size=size, border="black", normalisation=IMAGENET)

    return make


def gpu_path(cache: np.ndarray, size: int) -> Batched:
    """What livergrade does on a GPU, here on the CPU: one grid_sample a batch."""

    def make(rows: list[int], degrees: list[float]) -> Tensor:
        images = torch.from_numpy(cache[rows])
        how = replace(ViewParams.upright(len(rows)), degrees=torch.tensor(degrees))
        sampled = grid_sampled(images, affine_maps(how, images.shape[1], size, "black"), size, "black")
        return v2.normalize(sampled / 255, *map(list, IMAGENET))

    return make


def normalised(image: Image.Image) -> Tensor:
    """Torchvision's usual last two steps."""
    return v1.normalize(v1.to_tensor(image), *map(list, IMAGENET))


def torchvision_files(paths: list[Path], size: int) -> dict[str, Batched]:
    """Its transforms on files, in both orders."""

    def turn_first(row: int, degrees: float) -> Tensor:
        image = v1.rotate(Image.open(paths[row]).convert("RGB"), degrees, BILINEAR)
        return normalised(v1.resize(v1.center_crop(image, [min(image.size)] * 2), [size, size]))

    def pillows_best(row: int, degrees: float) -> Tensor:
        image = Image.open(paths[row]).convert("RGB").rotate(degrees, Image.Resampling.BICUBIC)
        square = v1.center_crop(image, [min(image.size)] * 2)
        return normalised(square.resize((size, size), Image.Resampling.BICUBIC))

    def reduce_first(row: int, degrees: float) -> Tensor:
        image = v1.center_crop(v1.resize(Image.open(paths[row]).convert("RGB"), size), [size, size])
        return normalised(v1.rotate(image, degrees, BILINEAR))

    def tensors(row: int, degrees: float) -> Tensor:
        image = v2.center_crop(v2.resize(decode_image(paths[row], "RGB"), [size]), [size, size])
        turned = v2.rotate(image, degrees, BILINEAR)
        return v2.normalize(v2.to_dtype(turned, torch.float32, scale=True), *map(list, IMAGENET))

    ways = {
        "Pillow, file: rotate, resize, both bicubic": one_by_one(pillows_best),
        "torchvision v1, file: rotate, resize": one_by_one(turn_first),
        "torchvision v1, file: resize, rotate": one_by_one(reduce_first),
    }
    if paths[0].suffix in (".jpg", ".png"):  # what its decoder reads
        ways["torchvision v2, file: resize, rotate"] = one_by_one(tensors)
    return ways


def turned_files(paths: list[Path], size: int, degrees: list[float], folder: Path) -> Batched:
    """The paper's way: every turned image is a file of full size, reduced with Pillow when read."""
    written = {}
    for path, turn in zip(paths, degrees, strict=True):
        target = folder / f"turned_{path.name}"
        Image.open(path).convert("RGB").rotate(turn, Image.Resampling.BILINEAR).save(
            target, **SAVED[path.suffix]
        )
        written[path] = target

    def make(row: int, _: float) -> Tensor:
        image = Image.open(written[paths[row]]).convert("RGB")
        return normalised(v1.resize(v1.center_crop(image, [min(image.size)] * 2), [size, size]))

    return one_by_one(make)


def torchvision_memory(cache: np.ndarray, size: int) -> dict[str, Batched]:
    """Its transforms on the cached arrays."""

    def pillow(row: int, degrees: float) -> Tensor:
        return normalised(v1.resize(v1.rotate(Image.fromarray(cache[row]), degrees, BILINEAR), [size, size]))

    def tensors(row: int, degrees: float) -> Tensor:
        image = v2.rotate(torch.from_numpy(cache[row]).permute(2, 0, 1), degrees, BILINEAR)
        image = v2.resize(image, [size, size])
        return v2.normalize(v2.to_dtype(image, torch.float32, scale=True), *map(list, IMAGENET))

    return {"torchvision v1, memory": one_by_one(pillow), "torchvision v2, memory": one_by_one(tensors)}


def albumentations_ways(
    paths: list[Path], cache: np.ndarray, small: np.ndarray, size: int
) -> dict[str, Batched]:
    """What albumentations 2 does; its rotation is OpenCV's as well."""
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    mean, std = IMAGENET
    end = [A.Normalize(mean, std), ToTensorV2()]
    square = [A.SmallestMaxSize(size, interpolation=cv2.INTER_AREA), A.CenterCrop(size, size)]
    chains: dict[tuple[str, float], A.Compose] = {}

    def chain(kind: str, turn: float) -> A.Compose:
        if (kind, turn) not in chains:
            rotate = A.Rotate(
                (turn, turn), interpolation=cv2.INTER_LINEAR, border_mode=cv2.BORDER_CONSTANT, p=1
            )
            steps = {
                "file": [*square, rotate],
                "memory": [rotate, A.Resize(size, size, interpolation=cv2.INTER_AREA)],
                "small": [rotate],
            }
            chains[kind, turn] = A.Compose([*steps[kind], *end])
        return chains[kind, turn]

    def from_file(row: int, degrees: float) -> Tensor:
        image = cv2.imread(str(paths[row]), cv2.IMREAD_COLOR_RGB)
        return chain("file", degrees)(image=image)["image"]

    return {
        "albumentations, file: resize, rotate": one_by_one(from_file),
        "albumentations, memory: rotate, resize": one_by_one(
            lambda row, degrees: chain("memory", degrees)(image=cache[row])["image"]
        ),
        "albumentations, memory of the view's size": one_by_one(
            lambda row, degrees: chain("small", degrees)(image=small[row])["image"]
        ),
    }


def kornia_ways(cache: np.ndarray, small: np.ndarray, size: int) -> dict[str, Batched]:
    """What kornia does: a batched affine warp."""
    from kornia.geometry.transform import warp_affine

    def way(images: np.ndarray) -> Batched:
        def make(rows: list[int], degrees: list[float]) -> Tensor:
            source = torch.from_numpy(images[rows]).permute(0, 3, 1, 2).float() / 255
            how = replace(ViewParams.upright(len(rows)), degrees=torch.tensor(degrees))
            maps = affine_maps(how, images.shape[1], size, "black")
            last = torch.tensor([0.0, 0.0, 1.0]).expand(len(rows), 1, 3)
            forward = torch.linalg.inv(torch.cat([maps, last], 1))[:, :2]
            return v2.normalize(warp_affine(source, forward, (size, size)), *map(list, IMAGENET))

        return make

    return {"kornia, memory": way(cache), "kornia, memory of the view's size": way(small)}


def monai_ways(cache: np.ndarray, small: np.ndarray, size: int) -> dict[str, Batched]:
    """MONAI: an affine resample of one image."""
    from monai.transforms import Affine

    def way(images: np.ndarray) -> Batched:
        scale = images.shape[1] / size

        def make(row: int, degrees: float) -> Tensor:
            turn = Affine(
                rotate_params=-np.deg2rad(degrees),
                scale_params=(scale, scale),
                spatial_size=(size, size),
                padding_mode="zeros",
                image_only=True,
            )
            image = turn(torch.from_numpy(images[row]).permute(2, 0, 1).float())
            return v2.normalize(image.as_tensor() / 255, *map(list, IMAGENET))

        return one_by_one(make)

    return {"MONAI, memory": way(cache), "MONAI, memory of the view's size": way(small)}


def psnr(view: Tensor, whole: np.ndarray, degrees: float) -> float:
    """Of a view against 8 × 8 samples a pixel of the whole image, decibels, inside the inscribed circle."""
    size = view.shape[-1]
    side = whole.shape[0]
    how = replace(ViewParams.upright(1), degrees=torch.tensor([degrees]))
    fine = cv2.warpAffine(
        whole.astype(np.float32),
        affine_maps(how, side, 8 * size, "black")[0].numpy(),
        (8 * size, 8 * size),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
    )
    reference = fine.reshape(size, 8, size, 8, 3).mean((1, 3)).clip(0, 255)
    mean, std = map(np.array, IMAGENET)
    levels = 255 * (view.permute(1, 2, 0).numpy() * std + mean)
    inside = np.hypot(*(np.indices((size, size)) - (size - 1) / 2)) < size / 2 - 4
    return float(10 * np.log10(255**2 / np.mean((levels - reference)[inside] ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=18, help="views a round")
    parser.add_argument("--scale", type=float, default=1.0, help="of 1665 x 1393 px")
    parser.add_argument("--folder", type=Path, help="images of your own instead of drawn ones")
    parser.add_argument("--format", choices=("jpg", "png", "tif"), default="jpg")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        paths = source_files(chosen, folder)
        squares = [np.asarray(Image.open(path).convert("RGB")) for path in paths[:3]]
        degrees = [10.0 * (row * 7 % 36) for row in range(len(paths))]
        cache, small = (reduced(paths, side) for side in (cached_size(chosen.size, "black"), chosen.size))
        ways = {"livergrade": ours(cache, chosen.size)}
        ways["livergrade, data.cache=none"] = ours_from_files(paths, chosen.size)
        ways["livergrade's GPU path, on the CPU"] = gpu_path(cache, chosen.size)
        ways |= torchvision_files(paths, chosen.size)
        ways["the paper's way: turned files"] = turned_files(paths, chosen.size, degrees, folder)
        ways |= torchvision_memory(cache, chosen.size)
        for package, peers in {
            "albumentations": lambda: albumentations_ways(paths, cache, small, chosen.size),
            "kornia": lambda: kornia_ways(cache, small, chosen.size),
            "monai": lambda: monai_ways(cache, small, chosen.size),
        }.items():
            if importlib.util.find_spec(package):
                ways |= peers()
            else:
                print(f"{package} is not installed and left out")
        report(measured(ways, degrees, chosen.rounds), fidelity(ways, squares), chosen)


def source_files(chosen: argparse.Namespace, folder: Path) -> list[Path]:
    """So many image files of the format."""
    if chosen.folder:
        found = sorted(
            p for p in chosen.folder.rglob("*") if p.suffix.lower() in (".jpg", ".png", ".tif", ".jpeg")
        )
    else:
        patients = -(-chosen.images // 18)
        found = from_manifest(
            synthetic_cohort(folder, scale=chosen.scale, patients=(patients,) * 3), list(GRADES)
        ).paths
    paths = []
    for number, path in enumerate(found[: chosen.images]):
        paths.append(folder / f"{number}.{chosen.format}")
        Image.open(path).convert("RGB").save(paths[-1], **SAVED[paths[-1].suffix])
    return paths


def reduced(paths: list[Path], side: int) -> np.ndarray:
    """The cache of these files."""
    from livergrade.io.images import read_square

    return np.stack([read_square(path, side) for path in paths])


def measured(ways: dict[str, Batched], degrees: list[float], rounds: int) -> dict[str, list[float]]:
    """Seconds a view, by way and round; the ways take turns."""
    rows = list(range(len(degrees)))
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, make in ways.items():
            start = time.perf_counter()
            make(rows, degrees)
            if number:  # the first round warms up
                times[name].append((time.perf_counter() - start) / len(rows))
    return times


def fidelity(ways: dict[str, Batched], squares: list[np.ndarray]) -> dict[str, list[float]]:
    """PSNR at 0, 10, 45 and 90 degrees, mean over a few images."""
    found = {}
    for name, make in ways.items():
        if name.startswith("the paper's"):
            continue  # its files have the angles they were written with
        by_angle = []
        for degrees in (0.0, 10.0, 45.0, 90.0):
            views = make(list(range(len(squares))), [degrees] * len(squares))
            central = [
                whole[top : top + side, left : left + side]
                for whole in squares
                for side in [min(whole.shape[:2])]
                for top, left in [((whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2)]
            ]
            by_angle.append(statistics.mean(psnr(v, w, degrees) for v, w in zip(views, central, strict=True)))
        found[name] = by_angle
    return found


def report(
    times: dict[str, list[float]], quality: dict[str, list[float]], chosen: argparse.Namespace
) -> None:
    """Print the table, and write it as JSON if asked."""
    mine = times["livergrade"]
    print(
        f"torch {torch.__version__}, one thread, {chosen.format}, {chosen.size} px, {chosen.rounds} rounds\n"
    )
    print(
        "| way | ms a view | views a second | livergrade is so many times as fast | PSNR at 0, 10, 45, 90° |"
    )
    print("|---|---|---|---|---|")
    table = {}
    for name, seconds in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        middle = statistics.median(seconds)
        ratio = statistics.median(theirs / ours for theirs, ours in zip(seconds, mine, strict=True))
        decibels = ", ".join(f"{value:.1f}" for value in quality.get(name, [])) or "–"
        print(f"| {name} | {1000 * middle:.2f} | {1 / middle:.0f} | {ratio:.1f} | {decibels} |")
        table[name] = {"seconds": middle, "ratio": ratio, "psnr": quality.get(name)}
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"options": {k: str(v) for k, v in vars(chosen).items()}, "ways": table}, indent=1)
        )


if __name__ == "__main__":
    main()
