"""Write ONNX graphs node by node: names, constants and the few shapes of node that the decoder needs.

Must not know: the model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from sam_core.onnx.weight_file import WeightFile

OPSET = 20  # the first with a fused Gelu
IR_VERSION = 10

Shape = Sequence[int | str | None]
_ELEMENT_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "int32": TensorProto.INT32}


class GraphBuilder:
    """Collects nodes; every method that adds one returns the name of its output."""

    def __init__(self, name: str, weights: WeightFile) -> None:
        self._name = name
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, element_type: str, shape: Shape) -> str:
        """Declare a graph input; a string in shape is a free dimension."""
        self._inputs.append(helper.make_tensor_value_info(name, _ELEMENT_TYPES[element_type], shape))
        return name

    def output(self, value: str, name: str, shape: Shape) -> None:
        """Declare value (float32) as graph output under name."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, array: NDArray[Any]) -> str:
        """Add a constant; floats become float32. Equal constants are stored once."""
        if np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float32)
        array = np.ascontiguousarray(array)
        key = hashlib.sha256(array.tobytes() + f"{array.shape}{array.dtype}".encode()).hexdigest()[:16]
        name = f"c_{key}"
        if name not in self._constants:
            tensor = numpy_helper.from_array(array, name)
            self._weights.take(tensor)
            self._constants[name] = tensor
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        output = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def integers(self, *values: int) -> str:
        """Add a constant int64 vector, as shapes and axes want it."""
        return self.constant(np.array(values, np.int64))

    def reshape(self, value: str, *shape: int) -> str:
        """Reshape; -1 is inferred, 0 keeps the dimension in that place."""
        return self.op("Reshape", value, self.integers(*shape))

    def concat(self, axis: int, *values: str) -> str:
        """Concatenate; a single value is passed through."""
        return values[0] if len(values) == 1 else self.op("Concat", *values, axis=axis)

    def rows(self, value: str, start: int, stop: int | None, *, axis: int = 0) -> str:
        """Slice [start:stop] of one axis."""
        end = np.iinfo(np.int64).max if stop is None else stop
        return self.op("Slice", value, self.integers(start), self.integers(end), self.integers(axis))

    def reduce(self, kind: str, value: str, axis: int) -> str:
        """ReduceMax, ReduceMean or ReduceSum over one axis, which stays with length 1."""
        return self.op(kind, value, self.integers(axis), keepdims=1)

    def linear(self, value: str, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> str:
        """Return value @ weight + bias with weight (inputs x outputs)."""
        product = self.op("MatMul", value, self.constant(weight))
        return product if bias is None else self.op("Add", product, self.constant(bias))

    def build(self) -> onnx.ModelProto:
        """Return the model; its large constants live in the weight file."""
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="maskwright")
