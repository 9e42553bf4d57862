"""What `bench triton` serves side by side, and how it reports it."""

import json
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from streams.benchmarks import serving
from streams.models import served

CODE = 'WIDTH_STEP = 4\nMAX_BATCH = 16\nworkers = len(os.sched_getaffinity(0))\n\'_HINT": "f32"\'\n'


def model(tmp_path, engine: str):
    for number in (1, 2):
        folder = tmp_path / "sentiment" / str(number)
        folder.mkdir(parents=True)
        metadata = {
            "labels": ["a", "b"], "model_version": f"v{number}", "training_cutoff": "2023-12-31",
            "engine": engine if number == 2 else "onnxruntime",
        }  # fmt: skip
        (folder / "metadata.json").write_text(json.dumps(metadata))
        (folder / "model.py").write_text(CODE)
    return tmp_path / "sentiment"


def configs(folder):
    return {
        serving.VARIANTS[int(place.name[1:])].name: text_format.Parse(
            (place / "config.pbtxt").read_text(), model_config_pb2.ModelConfig()
        )
        for place in folder.iterdir()
    }


def test_every_variant_is_a_model_that_differs_in_what_its_name_says(tmp_path):
    folder, skipped = serving._repository(model(tmp_path, "openvino"), tmp_path / "out")
    assert skipped == {}
    found = configs(folder)
    assert set(found) == {variant.name for variant in serving.VARIANTS}
    assert found[serving.FIRST].parameters["model_version"].string_value == "v1"
    assert found[serving.SERVED].parameters["model_version"].string_value == "v2"
    assert not found[serving.FIRST].HasField("dynamic_batching")
    assert found["two instances, a thread each"].instance_group[0].count == 2
    place = next(p for p, v in enumerate(serving.VARIANTS) if v.name == "one text a call")
    assert "MAX_BATCH = 1\n" in (folder / f"v{place}" / "1" / "model.py").read_text()


def test_engines_that_the_served_version_does_not_have_are_skipped_with_a_reason(tmp_path):
    folder, skipped = serving._repository(model(tmp_path, "onnxruntime"), tmp_path / "out")
    assert set(configs(folder)) == {serving.FIRST, serving.SERVED, "no dynamic batching"}
    assert all("ONNX Runtime" in reason for reason in skipped.values())


def test_ratios_are_of_medians_within_the_run():
    turns = {
        serving.FIRST: serving.Turns([100.0, 90.0, 110.0]),
        serving.SERVED: serving.Turns([200.0, 150.0, 170.0]),
        serving.BERT: serving.Turns([8.5]),
    }
    report = serving._report(turns, {}, 32)
    assert (report["served_over_first"], report["served_over_bert_base"]) == (1.7, 20.0)


def test_what_a_variant_replaces_is_there_to_be_replaced():
    code = Path(served.__file__).read_text("utf-8")
    assert all(old in code for variant in serving.VARIANTS for old, _ in variant.edits)
