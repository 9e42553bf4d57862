"""A tokenizer and its word vectors, cut to the pieces that a language's texts use.

Word vectors are a third of a small model's size, and most rows of a general vocabulary are never read here. A text
made of kept pieces is read exactly as before; others fall back to smaller pieces.
"""

from __future__ import annotations

import csv
import gzip
import json
from typing import TYPE_CHECKING, Any, Final

from streams.models import datasets, served
from streams.models.recipes import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONTINUED: Final = "##"


def texts(data: Path, language: str) -> Iterator[str]:
    """Every text of the language under `data`: labelled files, own sentences, recorded streams, company names."""
    for task in LABELS:
        for source in datasets.used_sources(task, language=language):
            if (data / source.path).is_file():
                for example in source.read(data / source.path, source.path):
                    yield f"{example.text} {example.target}"
        yield from (e.text for e in datasets.own_sentences(task) if e.language == language)
    for path in sorted((data / f"stream_{language}").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield " ".join(str(row.get(name) or "") for name in ("text", "title", "content"))
    for path in sorted((data / "gazetteer").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            yield from (" ".join(row) for row in csv.reader(lines) if language == served.script("".join(row)))


def used_pieces(tokenizer: Path, data: Path, language: str) -> set[int]:
    """Ids of the pieces that the language's texts are made of."""
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(tokenizer))
    loaded.no_padding()
    loaded.no_truncation()
    cleaned = [served.clean(text) for text in texts(data, language)]
    return {piece for encoding in loaded.encode_batch(cleaned) for piece in encoding.ids}


def cut(tokenizer: dict[str, Any], used: set[int]) -> tuple[dict[str, Any], list[int]]:
    """(tokenizer.json with only the used pieces, old ids in their new order).

    Special tokens and single ASCII letters stay, so that no word becomes unreadable.
    """
    model = tokenizer["model"]
    pieces = _pieces(model)
    special = {token["id"] for token in tokenizer["added_tokens"]}
    kept = [n for n, piece in enumerate(pieces) if n in used or n in special or _is_letter(piece)]
    renumbered = {old: new for new, old in enumerate(kept)}
    smaller = dict(model)
    if isinstance(model["vocab"], dict):
        smaller["vocab"] = {pieces[old]: new for old, new in renumbered.items()}
    else:
        smaller["vocab"] = [model["vocab"][old] for old in kept]
        smaller["unk_id"] = renumbered[model["unk_id"]]
    added = [token | {"id": renumbered[token["id"]]} for token in tokenizer["added_tokens"]]
    post = json.loads(json.dumps(tokenizer["post_processor"]))
    for token in post["special_tokens"].values():
        token["ids"] = [renumbered[old] for old in token["ids"]]
    return tokenizer | {"model": smaller, "added_tokens": added, "post_processor": post}, kept


def _pieces(model: dict[str, Any]) -> list[str]:
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        return sorted(vocabulary, key=lambda piece: int(vocabulary[piece]))
    return [piece for piece, _ in vocabulary]


def _is_letter(piece: str) -> bool:
    bare = piece.removeprefix(_CONTINUED).removeprefix("▁")
    return len(bare) <= 1 and bare.isascii()
