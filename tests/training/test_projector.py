"""The test images in TensorBoard's projector."""

from pathlib import Path

import numpy as np
import pandas as pd
from google.protobuf import text_format
from PIL import Image, ImageColor
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from livergrade.reports.palette import GRADES as COLOURS
from livergrade.training.projector import _principal
from tests.conftest import GRADES


def test_every_test_image_has_its_place_label_and_picture(tiny_run: Path) -> None:
    folder = tiny_run / "tensorboard"
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    places = np.loadtxt(folder / embedding.tensor_path, delimiter="\t", ndmin=2)
    labels = pd.read_csv(folder / embedding.metadata_path, sep="\t", dtype=str)
    predictions = pd.read_csv(tiny_run / "predictions.csv").query("split == 'test'")
    assert labels["image"].tolist() == sorted(set(predictions["image"]))
    assert len(places) == len(labels)
    assert list(labels) == ["grade", "predicted", "right", "probability", "patient", "image"]
    right = labels["grade"] == labels["predicted"]
    assert labels["right"].tolist() == np.where(right, "right", "wrong").tolist()
    side = embedding.sprite.single_image_dim[0]
    with Image.open(folder / embedding.sprite.image_path) as sheet:
        for place, grade in enumerate(labels["grade"]):
            across = sheet.width // side
            corner = (side * (place % across), side * (place // across))
            assert sheet.getpixel(corner) == ImageColor.getrgb(COLOURS[GRADES.index(grade)])


def test_components_keep_the_distances_and_a_single_image_is_itself() -> None:
    points = np.random.default_rng(0).normal(size=(6, 40)).astype(np.float32)
    placed = _principal(points)
    assert placed.shape == (6, 6)
    np.testing.assert_allclose(
        np.linalg.norm(placed[0] - placed[1]), np.linalg.norm(points[0] - points[1]), rtol=1e-4
    )
    assert (_principal(points[:1]) == points[:1]).all()
