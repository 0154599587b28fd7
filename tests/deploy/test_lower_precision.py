"""A network of lower precision in a file whose other parts stay as they are."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from livergrade.deploy.exportable import ExportableModel
from livergrade.deploy.lower_precision import to_float16, to_int8
from livergrade.deploy.onnx_file import NETWORK, open_session, write_onnx
from livergrade.errors import UserError
from livergrade.evaluation.ood import appearance, fit_reference
from livergrade.models.architecture import IMAGENET
from livergrade.models.mean_network import MeanNetwork

IMAGES = np.random.default_rng(0).integers(0, 256, (8, 24, 24, 3), np.uint8)


def small_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3)
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of two small networks."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("lower") / "model.onnx"
    options = {"border": "black", "degrees": [0, 90], "normalisation": IMAGENET, "temperature": 0.1}
    reference = fit_reference(appearance(IMAGES))
    net = MeanNetwork([small_net(), small_net()])
    exported = ExportableModel(net, size=24, image_size=24, reference=reference, **options)
    write_onnx(exported, path, opset=18, facts={"use": "research"})
    return path


def graded(path: Path) -> dict[str, np.ndarray]:
    names = ["probabilities", "per_view", "distance"]
    return dict(zip(names, open_session(path).run(names, {"image": IMAGES}), strict=True))


def images() -> Iterator[np.ndarray]:
    return (image[None] for image in IMAGES)


@pytest.mark.slow
def test_the_nodes_of_the_members_are_known(written: Path) -> None:
    graph = onnx.load(written).graph
    network = [node.op_type for node in graph.node if node.name.startswith(NETWORK)]
    assert network.count("Conv") == network.count("Gemm") == 2
    assert "Softmax" not in network
    assert len({node.name for node in graph.node}) == len(graph.node)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_only_the_network_is_of_lower_precision(written: Path, tmp_path: Path, precision: str) -> None:
    target = tmp_path / "lower.onnx"
    if precision == "float16":
        to_float16(written, target)
    else:
        to_int8(written, target, images)
    expected, found = graded(written), graded(target)
    assert np.array_equal(found["distance"], expected["distance"])
    differences = np.abs(found["per_view"] - expected["per_view"])
    assert 0 < differences.max() < 0.05
    np.testing.assert_allclose(found["probabilities"].sum(1), 1, atol=1e-6)
    model = onnx.load(target)
    assert {fact.key: fact.value for fact in model.metadata_props}["use"] == "research"
    kind = onnx.TensorProto.FLOAT16 if precision == "float16" else onnx.TensorProto.INT8
    lower = [one for one in model.graph.initializer if one.data_type == kind and len(one.dims) > 1]
    assert len(lower) == 4
    assert str(tmp_path).encode() not in target.read_bytes()


def test_a_network_without_weights_is_refused(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph([], "empty", [], [])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "model.onnx")
    with pytest.raises(UserError, match="precision=int8: the network has no layer"):
        to_int8(tmp_path / "model.onnx", tmp_path / "lower.onnx", images)
