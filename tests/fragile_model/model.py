"""A Triton Python-backend model that answers by the text's digest, and dies or fails of texts that tell it to."""

import hashlib
import importlib
import json
import os
import sys

sys.path.extend(entry for entry in os.environ.get("PYTHONPATH", "").split(":") if entry)

import numpy as np


class TritonPythonModel:
    def initialize(self, args):
        self._pb = importlib.import_module("triton_python_backend_utils")
        parameters = json.loads(args["model_config"])["parameters"]
        self._labels = len(json.loads(parameters["labels"]["string_value"]))

    def execute(self, requests):
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        tensor = self._pb.get_input_tensor_by_name(request, "TEXT")
        texts = [raw.decode() for raw in tensor.as_numpy().reshape(-1)]
        if any("kills the model" in text for text in texts):
            os._exit(1)
        if any("fails in the model" in text for text in texts):
            raise RuntimeError("a text that this model cannot bear")
        rows = np.full((len(texts), self._labels), 0.1 / (self._labels - 1), dtype=np.float32)
        for row, text in enumerate(texts):
            rows[row, hashlib.sha256(text.encode()).digest()[0] % self._labels] = 0.9
        return self._pb.InferenceResponse([self._pb.Tensor("PROBABILITIES", rows)])
