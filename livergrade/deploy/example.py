"""Grade images with model.onnx: python example.py image.png … (needs numpy, Pillow and onnxruntime).

It names the most probable grade, also of images unlike the training images; livergrade.predict does not.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(str(Path(__file__).with_name("model.onnx")))
facts = session.get_modelmeta().custom_metadata_map
grades = json.loads(facts["classes"])  # worst to best
for name in sys.argv[1:]:
    picture = ImageOps.exif_transpose(Image.open(name))
    if facts["icc"] == "apply" and "icc_profile" in picture.info:
        sys.exit(f"{name}: has a colour profile; convert it to sRGB first, as was done in training")
    if picture.mode not in ("RGB", "L") or "transparency" in picture.info:
        sys.exit(f"{name}: is of mode {picture.mode}; save it as RGB of 8 bits without transparency")
    image = np.asarray(picture.convert("RGB"))
    probabilities, _ = session.run(["probabilities", "per_view"], {"image": image[None]})
    told = ", ".join(f"{grade} {p:.3f}" for grade, p in zip(grades, probabilities[0], strict=True))
    print(f"{name}: {grades[probabilities[0].argmax()]} ({told})")
