"""The bare engine: run by Triton's own Python, outside Triton, on the pairs given on standard input.

Usage: python bare_engine.py MODEL_REPO < {"sentiment": [[text, target], …], "topic": […]}

Prints {"seconds": …} for each line: one model after the other, on as many threads as there are cores, one text a session
call (the best setting found; both models at once were no faster). Tokenising is included, as it is in Triton's model.
Imports nothing of `streams`: that environment has only onnxruntime and tokenizers.
"""

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any


def load(repository: Path, name: str) -> Any:
    """The Scorer of a served model: its newest version, as Triton serves it."""
    versions = [folder for folder in (repository / name).iterdir() if folder.name.isdecimal()]
    folder = max(versions, key=lambda folder: int(folder.name))
    spec = importlib.util.spec_from_file_location(f"served_{name}", folder / "model.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"no model.py in {folder}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    scorer = module.Scorer(folder)
    scorer.many([("warm up", "")] * 4)
    return scorer


def main() -> None:
    """Answer one line of pairs with one line of seconds, until standard input ends."""
    repository = Path(sys.argv[1])
    scorers = {name: load(repository, name) for name in ("sentiment", "topic")}
    print("ready", flush=True)
    for line in sys.stdin:
        questions = {name: [tuple(pair) for pair in pairs] for name, pairs in json.loads(line).items()}
        began = time.perf_counter()
        for name, pairs in questions.items():
            scorers[name].many(pairs)
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)
    for scorer in scorers.values():
        scorer.close()


if __name__ == "__main__":
    main()
