"""Which pictures are told from those trained on: by how they look, and by what a network makes of them.

python benchmarks/appearance.py [--data FOLDER] [--run FOLDER]

With ``--data`` (or LIVERGRADE_REAL_DATA) real images stand beside the drawn ones: EBHI, liver and slides.
With ``--run`` distances between that network's features are measured too: of Mahalanobis and to the fifth
nearest training image (Sun et al., ICML 2022). Each cell is the AUROC against the cohort's own test images,
and the share beyond the limit that validation patients set.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from livergrade.config.schema import DataConfig, SplitConfig
from livergrade.data.cohort import Cohort, from_manifest
from livergrade.data.kinds import read_cohort
from livergrade.data.split import make_split
from livergrade.evaluation.ood import appearance, distances, fit_reference, fit_threshold
from livergrade.io.cache_folder import cache_folder
from livergrade.io.images import read_rgb, read_square
from livergrade.models.layers import embeddings

Pictures = NDArray[np.uint8]
Distance = Callable[[Pictures], NDArray[np.float64]]

SIZE = 103  # of the squares that views of 64 px are cut from
HE = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Optical density of haematoxylin, eosin and diaminobenzidine (Ruifrok & Johnston, 2001)."""


def main() -> None:
    """Print a table for each cohort."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("LIVERGRADE_REAL_DATA"))
    parser.add_argument("--run", type=Path, help="a run on the embedded cohort")
    typed = parser.parse_args()
    cohorts = {"embedded": read_cohort(DataConfig())}
    if typed.data:
        cohorts["EBHI"] = ebhi(typed.data / "ebhi")
    for name, cohort in cohorts.items():
        split = make_split(cohort, SplitConfig(name="patient", seed=0, test_fraction=0.3, val_fraction=0.35))
        sides = {side: np.flatnonzero(split["split"] == side) for side in ("train", "val", "test")}
        squares = {
            side: np.stack([read_square(cohort.paths[row], SIZE) for row in rows])
            for side, rows in sides.items()
        }
        patients = split["patient"].to_numpy()[sides["val"]]
        others = dict(strange(squares["test"]))
        if typed.data:
            others |= dict(elsewhere(typed.data, but=name))
        measured: dict[str, Distance] = {"appearance": by_appearance(squares["train"])}
        if typed.run and name == "embedded":
            measured |= by_features(typed.run, squares["train"])
        table = pd.DataFrame(
            {
                method: dict(row(distance, squares["val"], patients, squares["test"], others))
                for method, distance in measured.items()
            }
        )
        facts = ", ".join(f"{len(rows)} {side}" for side, rows in sides.items())
        print(f"\n{name}: {facts} images, {len(set(patients))} validation patients")
        print(table.to_string())


def row(
    distance: Distance,
    val: Pictures,
    patients: NDArray[np.object_],
    test: Pictures,
    others: dict[str, Pictures],
) -> Iterator[tuple[str, str]]:
    """One column of the table."""
    own, by_patient = distance(test), pd.Series(distance(val)).groupby(patients)
    limit = fit_threshold([one.tolist() for _, one in by_patient])["limit"]
    yield "own test images", f"      {100 * (own > limit).mean():5.1f} %"
    for name, pictures in others.items():
        far = distance(pictures)
        area = roc_auc_score([0] * len(own) + [1] * len(far), [*own, *far])
        yield f"{name} ({len(far)})", f"{area:.3f} {100 * (far > limit).mean():5.1f} %"


def by_appearance(training: Pictures) -> Distance:
    """The product's own."""
    reference = fit_reference(appearance(training))
    return lambda pictures: distances(appearance(pictures), reference)


def by_features(run: Path, training: Pictures) -> dict[str, Distance]:
    """Distances between what enters the head of a run's network."""
    import torch

    from livergrade.inference.grader import Grader
    from livergrade.runs.run import Run

    grader = Grader(Run(run), "upright", "cpu")

    def features(pictures: Pictures) -> NDArray[np.float64]:
        with torch.inference_mode():
            parts = torch.from_numpy(pictures).split(32)
            found = [embeddings(grader.net, grader.view(part, 0.0)) for part in parts]
        return np.asarray(torch.cat(found).double().numpy())

    known = features(training)
    centre, spread = known.mean(0), known.std(0) + 1e-6
    axes = np.linalg.svd((known - centre) / spread, full_matrices=False)[2][:32].T
    shrunk = LedoitWolf().fit((known - centre) / spread @ axes)
    unit = known / np.linalg.norm(known, axis=1, keepdims=True)

    def mahalanobis(pictures: Pictures) -> NDArray[np.float64]:
        return np.sqrt(shrunk.mahalanobis((features(pictures) - centre) / spread @ axes))

    def neighbour(pictures: Pictures) -> NDArray[np.float64]:
        found = features(pictures)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return np.sort(2 - 2 * found @ unit.T, 1)[:, 4]

    return {"features, Mahalanobis": mahalanobis, "features, 5th neighbour": neighbour}


def strange(test: Pictures) -> Iterator[tuple[str, Pictures]]:
    """Pictures that are no tissue, or tissue as it should not be."""
    rng = np.random.default_rng(0)
    yield "blank", rng.normal(243, 2, test[:40].shape).clip(0, 255).astype(np.uint8)
    marked = test.copy()
    for picture in marked:
        ends = rng.integers(0, SIZE, (2, 2)).tolist()
        ink = [(20, 40, 160), (20, 120, 40), (30, 30, 30)][rng.integers(3)]
        cv2.line(picture, ends[0], ends[1], ink, SIZE // 10)
    yield "pen mark", marked
    yield "eosin replaced by DAB", np.stack([restained(one, HE[2]) for one in test])
    yield "haematoxylin alone", np.stack([restained(one, HE[0]) for one in test])
    yield (
        "grey",
        np.stack([np.repeat(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)[..., None], 3, 2) for one in test]),
    )
    yield "blurred", np.stack([cv2.GaussianBlur(one, (0, 0), SIZE / 20) for one in test])


def restained(image: Pictures, stain: NDArray[np.float64]) -> Pictures:
    """An image whose eosin is another stain, by its optical density."""
    vectors = HE / np.linalg.norm(HE, axis=1, keepdims=True)
    density = -np.log((image.reshape(-1, 3).astype(float) + 1) / 256)
    amounts = np.clip(density @ np.linalg.inv(vectors), 0, None)
    vectors[1] = stain / np.linalg.norm(stain)
    seen = 256 * np.exp(-amounts @ vectors) - 1
    return seen.clip(0, 255).reshape(image.shape).astype(np.uint8)


def elsewhere(data: Path, *, but: str) -> Iterator[tuple[str, Pictures]]:
    """Real tissue of other organs, laboratories and scanners."""
    yield "liver", np.stack([read_square(path, SIZE) for path in sorted((data / "liver").rglob("*.jpg"))])
    if but != "EBHI":
        yield (
            "colon (EBHI)",
            np.stack([read_square(path, SIZE) for path in sorted((data / "ebhi").rglob("*.png"))[::20]]),
        )
    yield "kidney", tiles(read_rgb(data / "slides" / "kidney-48-5.tif"), 300)
    if but != "embedded":
        drawn = read_cohort(DataConfig())
        yield "embedded cohort", np.stack([read_square(path, SIZE) for path in drawn.paths[::8]])
    try:
        from livergrade.io.slide_reader import Slide
    except ImportError:
        return
    slide = Slide(data / "slides" / "CMU-1-Small-Region.svs", None)
    side = 400
    corners = [
        (x, y) for x in range(0, slide.width - side, side) for y in range(0, slide.height - side, side)
    ]
    yield "CMU slide", np.stack([slide.read(x, y, side, side, (SIZE, SIZE)) for x, y in corners])


def tiles(image: Pictures, side: int) -> Pictures:
    """Squares of an image, reduced."""
    height, width = image.shape[:2]
    parts = [
        image[y : y + side, x : x + side]
        for y in range(0, height - side + 1, side)
        for x in range(0, width - side + 1, side)
    ]
    return np.stack([cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for part in parts])


def ebhi(folder: Path) -> Cohort:
    """EBHI's biopsies by case, the grades from the most to the least atypical."""
    names = ["Adenocarcinoma", "High-grade IN", "Low-grade IN", "Normal"]
    rows = [
        (f"{name}/{path.name}", path.name.split("-")[0].removeprefix("GT"), name)
        for name in names
        for path in sorted((folder / name).glob("*.png"))
    ]
    manifest = cache_folder(None) / "ebhi.csv"
    pd.DataFrame(rows, columns=["image", "patient", "grade"]).to_csv(manifest, index=False)
    return from_manifest(manifest, names, folder, mixed=True, outside=True)


if __name__ == "__main__":
    main()
