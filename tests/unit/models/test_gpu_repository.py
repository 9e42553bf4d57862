"""What can be known of the GPU repository without a GPU."""

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from streams.models import gpu_repository, quantising
from tests.unit.models import toy_version


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    version = toy_version.write(folder / "version")
    return version, folder / "out", gpu_repository.write(version, folder / "out")


def config_of(out, name):
    return text_format.Parse((out / name / "config.pbtxt").read_text("utf-8"), model_config_pb2.ModelConfig())


def test_there_is_a_model_a_task_and_one_an_expert_and_bucket(repository):
    _, out, names = repository
    engines = [f"sentiment_{expert}_{width}" for expert in ("en", "zh") for width in (32, 64, 128)]
    assert names == ["sentiment", *engines]
    assert sorted(place.name for place in out.iterdir()) == sorted(names)


def test_engines_run_on_gpus_in_tensorrt_with_an_explicit_profile_and_warm_up(repository):
    _, out, names = repository
    for name in names[1:]:
        config = config_of(out, name)
        width = int(name.rsplit("_", 1)[1])
        (group,) = config.instance_group
        assert (group.kind, group.count) == (model_config_pb2.ModelInstanceGroup.KIND_GPU, 2)
        (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
        assert accelerator.name == "tensorrt"
        assert accelerator.parameters["precision_mode"] == "FP16"
        assert (
            accelerator.parameters["trt_profile_min_shapes"]
            == f"input_ids:1x{width},attention_mask:1x{width}"
        )
        assert accelerator.parameters["trt_profile_max_shapes"].startswith(
            f"input_ids:{config.max_batch_size}x"
        )
        assert {warm_up.batch_size for warm_up in config.model_warmup} == {1, config.max_batch_size}
        assert config.HasField("dynamic_batching")


def test_configurations_match_the_graphs(repository):
    _, out, names = repository
    for name in names[1:]:
        config, graph = config_of(out, name), onnx.load(out / name / "1" / "model.onnx").graph
        assert [tensor.name for tensor in config.input] == [value.name for value in graph.input]
        assert [tensor.name for tensor in config.output] == [value.name for value in graph.output]
        labels = graph.output[0].type.tensor_type.shape.dim[1].dim_value
        assert list(config.output[0].dims) == [labels]


def test_the_outer_model_keeps_names_and_shapes_of_the_contract(repository):
    _, out, _ = repository
    config = config_of(out, "sentiment")
    assert [tensor.name for tensor in config.input] == ["TEXT", "TARGET"]
    assert (config.output[0].name, list(config.output[0].dims)) == ("PROBABILITIES", [3])
    assert (out / "sentiment" / "1" / "served.py").is_file()


@pytest.mark.parametrize("expert", ["en", "zh"])
def test_floats_answer_like_the_int8_weights(repository, expert, tmp_path):
    version, out, _ = repository
    quantising.restore(version / f"{expert}.onnx", tmp_path / "floats.onnx")
    ids = np.array([[2, 4, 5, 6, 7, 0]])
    feed = {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64)}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    answers = [
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feed)[
            0
        ]
        for path in (out / f"sentiment_{expert}_32" / "1" / "model.onnx", version / f"{expert}.onnx")
    ]
    assert answers[0] == pytest.approx(answers[1], abs=1e-4)
