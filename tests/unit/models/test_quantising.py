"""int8 weights and back, on a graph made here; needs `onnx`, which the train extra brings."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the train extra is not installed here")

from streams.models.quantising import quantise, restore  # noqa: E402 - after the skip


@pytest.fixture
def full(tmp_path):
    """ids → word vectors → one product; large enough to be worth quantising."""
    rng = np.random.default_rng(3)
    tensors = {"words": rng.normal(size=(800, 64)), "weight": rng.normal(size=(64, 960))}
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Gather", ["words", "ids"], ["vectors"]),
            onnx.helper.make_node("MatMul", ["vectors", "weight"], ["logits"]),
        ],
        "toy",
        [onnx.helper.make_tensor_value_info("ids", onnx.TensorProto.INT64, ["n"])],
        [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 960])],
        [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in tensors.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "full.onnx")
    return tmp_path / "full.onnx"


def logits(path):
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL  # else it re-quantises
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"ids": np.arange(800)})[0]


def test_int8_weights_keep_the_answers_and_a_quarter_of_the_size(full, tmp_path):
    assert quantise(full, tmp_path / "small.onnx") == 2
    assert (tmp_path / "small.onnx").stat().st_size < 0.4 * full.stat().st_size
    assert np.abs(logits(tmp_path / "small.onnx") - logits(full)).max() < 0.5  # logits of size 8


def test_restored_floats_answer_like_the_int8_weights(full, tmp_path):
    quantise(full, tmp_path / "small.onnx")
    assert restore(tmp_path / "small.onnx", tmp_path / "floats.onnx") == 2
    assert logits(tmp_path / "floats.onnx") == pytest.approx(logits(tmp_path / "small.onnx"), abs=1e-4)
    assert "DequantizeLinear" not in {n.op_type for n in onnx.load(tmp_path / "floats.onnx").graph.node}


def test_what_was_tuned_on_the_grid_of_an_earlier_release_survives_rounding(full, tmp_path):
    """Steps far smaller than the grid's: rounded to nearest, every one of them would be lost."""
    quantise(full, tmp_path / "release.onnx")
    restore(tmp_path / "release.onnx", tmp_path / "tuned.onnx")
    model = onnx.load(tmp_path / "tuned.onnx")
    table = next(item for item in model.graph.initializer if item.name == "weight")
    before = onnx.numpy_helper.to_array(table)
    step = np.abs(before).max(axis=0) / 127
    table.CopyFrom(onnx.numpy_helper.from_array((before + 0.3 * step).astype(np.float32), "weight"))
    onnx.save(model, tmp_path / "tuned.onnx")
    quantise(tmp_path / "tuned.onnx", tmp_path / "again.onnx", dithered=True)
    restore(tmp_path / "again.onnx", tmp_path / "floats.onnx")
    floats = onnx.load(tmp_path / "floats.onnx").graph.initializer
    after = onnx.numpy_helper.to_array(next(item for item in floats if item.name == "weight"))
    assert ((after - before) / step).mean() == pytest.approx(0.3, abs=0.03)
