"""int8 weights in an fp32 graph, and floats again from such a graph.

Only weights are stored in int8 (symmetric, a scale per output channel); how activations are treated is the
engine's affair. Static graphs of `quantize_dynamic` take one activation scale over a whole batch instead,
which couples texts and is rougher: on 400 own texts, root mean square of the difference to fp32 in
probability .020, against .004 for these weights under OpenVINO's scales per token and 64 channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SMALLEST_SIDE = 64
"""Smaller matrices (the head) stay in fp32: they cost nothing and decide everything."""
_LIMIT = 127
_SEED = 20_260_630


def quantise(full: Path, target: Path, *, dithered: bool = False) -> int:
    """Write `target`: the graph of `full` with int8 weights; returns how many matrices were quantised.

    Each weight of a MatMul becomes DequantizeLinear(int8, scale per column), each table of a Gather
    (word vectors) DequantizeLinear(int8, scale per row). A quarter of the size.

    `dithered` is for weights that were tuned from an earlier int8 release: they lie on its very grid, and rounding to
    nearest takes most of the tuning back (Chinese topics, 528 texts: decided like fp32 on 94 % so, on 99 % dithered).
    Other weights only get noisier by it.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(full))
    graph = model.graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    axes = _weights(graph, constants)
    nodes, tensors = [], []
    for name, axis in axes.items():
        integers, scales = _rounded(constants[name], axis, dithered=dithered)
        zeros = np.zeros(scales.shape, np.int8)
        parts: dict[str, NDArray[Any]] = {
            f"{name}_int8": integers,
            f"{name}_scale": scales,
            f"{name}_zero": zeros,
        }
        tensors += [numpy_helper.from_array(value, part) for part, value in parts.items()]
        nodes.append(
            helper.make_node("DequantizeLinear", list(parts), [name], name=f"{name}_dequantised", axis=axis)
        )
    kept = [item for item in graph.initializer if item.name not in axes]
    _replace(graph.initializer, kept + tensors)
    _replace(graph.node, nodes + list(graph.node))
    onnx.checker.check_model(model)
    onnx.save(model, str(target))
    return len(axes)


def restore(quantised: Path, target: Path) -> int:
    """Write `target`: the graph of `quantised` with its weights as floats; returns how many there were.

    What comes back is the int8 grid written as floats: the rounding of the weights stays.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(quantised))
    graph = model.graph
    constants = {item.name: item for item in graph.initializer}
    kept, floats, used = [], [], set()
    for node in graph.node:
        if node.op_type != "DequantizeLinear" or not all(name in constants for name in node.input):
            kept.append(node)
            continue
        integers, scales = (numpy_helper.to_array(constants[name]) for name in node.input[:2])
        axis = next((item.i for item in node.attribute if item.name == "axis"), 1)
        shape = [-1 if i == axis else 1 for i in range(integers.ndim)]
        values = integers.astype(np.float32) * scales.reshape(shape)
        floats.append(numpy_helper.from_array(values, node.output[0]))
        used.update(node.input)
    _replace(graph.node, kept)
    _replace(graph.initializer, [item for item in graph.initializer if item.name not in used] + floats)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))
    return len(floats)


def _weights(graph: Any, constants: dict[str, NDArray[Any]]) -> dict[str, int]:
    """Constant matrices worth quantising, with the axis that gets a scale each."""
    found: dict[str, int] = {}
    for node in graph.node:
        for index, op, axis in ((1, "MatMul", 1), (0, "Gather", 0)):
            name = node.input[index] if node.op_type == op else ""
            value = constants.get(name)
            if value is None or value.dtype != np.float32 or value.ndim != 2:
                continue
            if min(value.shape) >= SMALLEST_SIDE:
                found[name] = axis
    return found


def _rounded(
    weight: NDArray[Any], axis: int, *, dithered: bool
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    largest = np.abs(weight).max(axis=1 - axis)
    scales = (np.maximum(largest, 1e-12) / _LIMIT).astype(np.float32)
    spread = scales[None, :] if axis == 1 else scales[:, None]
    # to nearest, or up as often as a value is close to the upper neighbour
    dither = np.random.default_rng(_SEED).random(weight.shape) if dithered else 0.5
    steps = np.floor(weight / spread + dither)
    return steps.clip(-_LIMIT, _LIMIT).astype(np.int8), scales


def _replace(field: Any, items: list[Any]) -> None:
    copies = [type(item)() for item in items]
    for copy, item in zip(copies, items, strict=True):
        copy.CopyFrom(item)
    del field[:]
    field.extend(copies)
