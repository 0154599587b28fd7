"""Convert the network of an ONNX file to float16 or int8 with the tools of ONNX Runtime.

What prepares images, measures the distance and averages probabilities stays as it is: that costs little, and
pixels and probabilities of half precision would be off by up to 1e-3 by themselves.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from livergrade.deploy.onnx_file import NETWORK
from livergrade.errors import UserError

QUANTISED = ("Conv", "Gemm", "MatMul")
"""Operators of the network that are computed in int8: those with weights."""


def to_float16(source: Path, target: Path) -> None:
    """Write a copy of an ONNX file whose network has weights and values of float16.

    Args:
        source: of :func:`livergrade.deploy.onnx_file.write_onnx`.
        target: the new file.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.shape_inference.infer_shapes(onnx.load(source))
    graph = model.graph
    network = [node for node in graph.node if node.name.startswith(NETWORK)]
    touched = {name for node in network for name in (*node.input, *node.output)}
    # The converter would round every value that it knows to be float32, also between two nodes that stay.
    kept = [value for value in graph.value_info if value.name in touched]
    outputs = list(graph.output)
    del graph.value_info[:], graph.output[:]
    graph.value_info.extend(kept)
    others = [node.name for node in graph.node if not node.name.startswith(NETWORK)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights below the smallest number of float16, which become it
        model = convert_float_to_float16(model, disable_shape_infer=True, node_block_list=others)
    del model.graph.value_info[:]
    model.graph.output.extend(outputs)
    _sort(model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def _sort(graph: onnx.GraphProto) -> None:
    """Bring nodes into the order in which they are computed: the converter puts its casts at the end."""
    known = {"", *(value.name for value in (*graph.input, *graph.initializer))}
    waiting, ordered = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if known.issuperset(node.input)]
        assert ready, "the graph has a circle"
        ordered += ready
        known.update(name for node in ready for name in node.output)
        waiting = [node for node in waiting if not known.issuperset(node.output)]
    del graph.node[:]
    graph.node.extend(ordered)


def to_int8(source: Path, target: Path, images: Callable[[], Iterator[NDArray[np.uint8]]]) -> None:
    """Write a copy of an ONNX file whose network multiplies in int8, by static quantisation.

    Args:
        source: of :func:`livergrade.deploy.onnx_file.write_onnx`.
        target: the new file.
        images: yields images, ``uint8 [1, height, width, 3]``, on which the ranges of values are measured.

    Raises:
        UserError: the network has nothing that can be computed in int8.
    """
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime has no types
        def __init__(self) -> None:
            self.given = images()

        def get_next(self) -> dict[str, Any] | None:
            image = next(self.given, None)
            return None if image is None else {"image": image}

    graph = onnx.load(source).graph
    nodes = [node.name for node in graph.node if node.name.startswith(NETWORK) and node.op_type in QUANTISED]
    if not nodes:
        raise UserError("precision=int8: the network has no layer that can be computed in int8; leave it out")
    with TemporaryDirectory() as folder, _quiet():
        copied = Path(folder) / "model.onnx"
        quantize_static(str(source), str(copied), Reader(), per_channel=True, nodes_to_quantize=nodes)
        model = onnx.load(copied)
        del model.graph.value_info[:]
        onnx.save(model, target)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice off the screen."""
    root = logging.getLogger()
    advice = _Advice()
    root.addFilter(advice)
    try:
        yield
    finally:
        root.removeFilter(advice)


class _Advice(logging.Filter):
    """Passes what is no advice of the quantiser, which it logs as the root."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "onnxruntime" not in record.pathname
