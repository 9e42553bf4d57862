from __future__ import annotations

import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
from datasketch import MinHash

from streams.adapters.minhash import DatasketchSigner, shingle
from streams.domain.story import PERMUTATIONS, SIGNATURE_BYTES
from streams.domain.text import signature_text

PROGRAM = """
from datetime import UTC, datetime
from streams.adapters.minhash import DatasketchSigner
from streams.gazetteer.catalogue import Gazetteer
from streams.gazetteer.matcher import AhoCorasickMatcher
signer = DatasketchSigner()
print(signer.sign("Acme recalls cars", "Acme recalls cars over brakes").hex())
print(signer.sign("", "某公司召回两千辆汽车").hex())
gazetteer = Gazetteer.load()
at = datetime(2026, 1, 1, tzinfo=UTC)
print(gazetteer.version, AhoCorasickMatcher(gazetteer).find("", "$AAPL 苹果 Tesla IT", ["NVDA"], at))
"""


def output(seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_signatures_and_mentions_do_not_depend_on_the_hash_seed():
    assert output("1") == output("4242")


def test_signature_bytes_are_pinned():
    signature = DatasketchSigner().sign("", "Acme recalls two thousand cars")
    assert signature.hex()[:32] == "d0ea1c0e9a58c87b0dad877d44df284e"


@pytest.mark.parametrize("text", ["one", "one two three four", "召回", "召回汽车两千辆公告", "a" * 1_000_000])
def test_any_words_give_a_full_signature(text):
    assert len(DatasketchSigner().sign("", text)) == SIGNATURE_BYTES


@pytest.mark.parametrize("text", ["", "…", "!!! ???", "http://t.co/abc"])
def test_no_words_give_no_signature(text):
    assert DatasketchSigner().sign("", text) == b""


def test_shingles_are_three_words_or_five_characters():
    assert shingle("a b c d") == {"a b c", "b c d"}
    assert shingle("召回 汽车,两千") == {"召回汽车两", "回汽车两千"}


@pytest.mark.parametrize("count", [1, 2, 7])
def test_many_texts_are_signed_as_datasketch_signs_each(count: int):
    texts = [
        ("Acme recalls cars", "Acme recalls cars over brakes"),
        ("", ""),
        ("", "某公司召回两千辆汽车，因刹车存在隐患"),
        ("one", ""),
        ("", "…"),
        ("Bolt Energy cuts its outlook", "Bolt Energy cuts its outlook for the year after a weak quarter"),
        ("", "a b c d e f g h"),
    ][:count]
    expected = []
    for title, body in texts:
        pieces = shingle(signature_text(title, body))
        sketch = MinHash(num_perm=PERMUTATIONS, seed=20140101, hashfunc=zlib.crc32, scheme="affine32")
        sketch.update_batch([piece.encode() for piece in pieces])
        expected.append(np.asarray(sketch.hashvalues, dtype="<u4").tobytes() if pieces else b"")
    assert DatasketchSigner().sign_all(texts) == expected
