"""Grade images with model.onnx as livergrade.predict does: python example.py image.png … > images.csv.

Needs numpy, Pillow and onnxruntime. What is withheld is decided by answer_rules.json beside it.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageOps

HERE = Path(__file__).parent
session = onnxruntime.InferenceSession(str(HERE / "model.onnx"))
facts = session.get_modelmeta().custom_metadata_map
rules = json.loads((HERE / "answer_rules.json").read_text("utf-8"))
if rules["version"] != 1:
    sys.exit(f"answer_rules.json: is of version {rules['version']}, not 1; use the example.py beside it")
grades, side = rules["classes"], rules["square"]  # worst to best; pixels


def read_square(name: str) -> NDArray[np.uint8]:
    """The central square of an image as the network was trained on, uint8 [side, side, 3]."""
    picture: Image.Image = ImageOps.exif_transpose(Image.open(name))
    if facts["icc"] == "apply" and "icc_profile" in picture.info:
        raise ValueError("has a colour profile; convert it to sRGB first, as was done in training")
    if picture.mode not in ("RGB", "L") or "transparency" in picture.info:
        raise ValueError(f"is of mode {picture.mode}; save it as RGB of 8 bits without transparency")
    picture, most = picture.convert("RGB"), 8 * min(picture.size)  # of a very long image the middle
    picture = middle(picture, *(min(length, most) for length in picture.size))
    factor = side / min(picture.size)
    width, height = (max(side, round(length * factor)) for length in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(middle(picture, side, side))


def middle(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of a picture."""
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def prediction_set(mean: NDArray[np.float64]) -> str:
    """The adjacent grades that hold the true one as often as was asked for, joined by |."""
    limits = rules["set_limits"]["image"]
    if limits is None:
        return ""
    unimodal = np.minimum(np.maximum.accumulate(mean), np.maximum.accumulate(mean[::-1])[::-1])
    places = [*np.flatnonzero(1 - unimodal <= limits), mean.argmax()]
    return "|".join(grades[min(places) : max(places) + 1])


def grade(square: NDArray[np.uint8]) -> dict[str, Any]:
    """The columns of images.csv, blank where they are not defined."""
    outputs = [output.name for output in session.get_outputs()]
    graded = dict(zip(outputs, session.run(outputs, {"image": square[None]}), strict=True))
    views = graded["per_view"][0].astype(np.float64)
    mean = views.mean(0)
    best, limit, several = mean.argmax(), rules["distance_limit"], len(views) > 1
    distance = graded["distance"][0] if "distance" in graded else None
    unlike = None if limit is None else float(distance > limit)
    unsure = mean[best] < (rules["abstain"] or 0)
    return {
        "predicted": grades[best],
        **{f"p_{name}": p for name, p in zip(grades, mean, strict=True)},
        "spread": views[:, best].std() if several else None,
        "agree": (views.argmax(1) == best).mean() if several else None,
        "distance": distance,
        "unlike": unlike,
        "set": prediction_set(mean),
        "answer": rules["unlike"] if unlike else rules["unsure"] if unsure else grades[best],
    }


table = csv.writer(sys.stdout, lineterminator="\n")
problems, header = [], False
for name in sys.argv[1:]:
    try:
        row = {"image": name, **grade(read_square(name))}
    except (OSError, ValueError) as error:
        problems.append(f"{name}: {error}")
        continue
    if not header:
        header = bool(table.writerow(row))
    table.writerow(f"{value:.9g}" if isinstance(value, float) else value for value in row.values())
sys.exit("\n".join(problems) or 0)
