"""Write a network as one ONNX file with metadata, and open such a file."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from livergrade.errors import UserError
from livergrade.io.images import LEAST_SIDE
from livergrade.models.mean_network import MeanNetwork

if TYPE_CHECKING:
    import onnx
    import onnxruntime

MOST_BYTES = 2**31 - 2**20
"""Limit of the weights in a single file: the format counts bytes with 32 bits, and the graph needs some."""

NETWORK = "network/"
"""How the names of the network's own nodes begin; the others prepare images and average probabilities."""


def require() -> None:
    """Check that the packages of the ``export`` extra are installed.

    Raises:
        UserError: a package is missing.
    """
    missing = [
        name for name in ("onnx", "onnxruntime", "onnxscript") if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise UserError(f'export needs {", ".join(missing)}: pip install "livergrade[export]"')


def write_onnx(net: nn.Module, path: Path, *, opset: int, facts: dict[str, str]) -> None:
    """Write a network that grades whole images as ONNX.

    Args:
        net: ``uint8 [images, height, width, 3]`` to ``probabilities``, ``per_view`` and, if it computes them,
            ``distance`` and ``map``, on the CPU.
        path: the file.
        opset: version of ONNX's operator set.
        facts: metadata, name → text.

    Raises:
        UserError: the network is too large for one file, or uses operators that ONNX does not have.
    """
    import onnx

    size = sum(tensor.nbytes for tensor in net.state_dict().values())
    if size > MOST_BYTES:
        raise UserError(
            f"the network takes {size / 1e9:.1f} GB; an ONNX file in one piece holds 2 GB at most"
        )
    # Two images with different sides: torch.export treats a size of 1 and equal sizes as constants.
    example = torch.zeros(2, LEAST_SIDE + 4, LEAST_SIDE + 8, 3, dtype=torch.uint8)
    optional = [("distance", "distance"), ("maps", "map")]
    outputs = ["probabilities", "per_view", *(name for has, name in optional if getattr(net, has, None))]
    images = torch.export.Dim("images", min=1, max=2**16)
    height, width = (torch.export.Dim(name, min=LEAST_SIDE, max=2**16) for name in ("height", "width"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's warnings about its own code
            program = torch.onnx.export(
                net.eval(),
                (example,),
                dynamo=True,
                verbose=False,
                external_data=False,
                opset_version=opset,
                input_names=["image"],
                output_names=outputs,
                dynamic_shapes=({0: images, 1: height, 2: width},),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise UserError(
            f"this network can't be written as ONNX with opset={opset}; try another opset: "
            + str(error).strip().splitlines()[0]
        ) from error
    assert program is not None
    model = program.model_proto
    _mark_network(model, "net.members." if isinstance(getattr(net, "net", None), MeanNetwork) else "net")
    _remove_source_locations(model)
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _mark_network(model: onnx.ModelProto, below: str) -> None:
    """Mark the nodes of the network, or of the members of an ensemble, by the module that the exporter names.

    Args:
        model: as exported.
        below: how the name of the network's module begins.
    """
    for node in model.graph.node:
        facts = {fact.key: fact.value for fact in node.metadata_props}
        if f"'{below}" in facts.get("pkg.torch.onnx.name_scopes", ""):
            node.name = f"{NETWORK}{node.name}"


def _remove_source_locations(model: onnx.ModelProto) -> None:
    """Remove the source line of each node that the exporter adds: it names folders of this machine."""
    graph = model.graph
    for part in (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output, graph):
        del part.metadata_props[:]
        part.ClearField("doc_string")


def open_session(path: Path, *, threads: int = 0) -> onnxruntime.InferenceSession:
    """Open an ONNX file to run on the CPU.

    Args:
        path: the file.
        threads: threads per operator; 0 for one per core.

    Raises:
        UserError: this version of ONNX Runtime can't run it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base class
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{path}: onnxruntime {onnxruntime.__version__} can't run it; update it, or lower opset: {reason}"
        ) from error


def predict(session: onnxruntime.InferenceSession, images: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """``uint8 [images, height, width, 3]`` → probabilities ``[images, classes]``, and those of each view."""
    probabilities, per_view = session.run(["probabilities", "per_view"], {"image": images})
    return probabilities, per_view
