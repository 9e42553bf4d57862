import pytest

from streams.models import vocabulary


def post_processor(*ids):
    return {
        "type": "TemplateProcessing",
        "special_tokens": {"S": {"id": "S", "ids": list(ids), "tokens": ["S"]}},
    }


@pytest.fixture
def word_pieces():
    pieces = ["[PAD]", "a", "profit", "loss", "##es", "[CLS]", "##s", "rare"]
    return {
        "model": {"type": "WordPiece", "vocab": {piece: n for n, piece in enumerate(pieces)}},
        "added_tokens": [{"id": 0, "content": "[PAD]"}, {"id": 5, "content": "[CLS]"}],
        "post_processor": post_processor(5),
    }


def test_used_pieces_special_tokens_and_letters_stay_and_are_renumbered(word_pieces):
    smaller, kept = vocabulary.cut(word_pieces, {2})
    assert kept == [0, 1, 2, 5, 6]
    assert smaller["model"]["vocab"] == {"[PAD]": 0, "a": 1, "profit": 2, "[CLS]": 3, "##s": 4}
    assert [t["id"] for t in smaller["added_tokens"]] == [0, 3]
    assert smaller["post_processor"]["special_tokens"]["S"]["ids"] == [3]


def test_the_original_is_left_alone(word_pieces):
    vocabulary.cut(word_pieces, {2})
    assert len(word_pieces["model"]["vocab"]) == 8
    assert word_pieces["post_processor"]["special_tokens"]["S"]["ids"] == [5]


def test_scores_and_the_unknown_piece_of_a_unigram_model_move_along():
    tokenizer = {
        "model": {"type": "Unigram", "unk_id": 2, "vocab": [["净", -3.0], ["利润", -4.0], ["<unk>", 0.0]]},
        "added_tokens": [{"id": 2, "content": "<unk>"}],
        "post_processor": post_processor(2),
    }
    smaller, kept = vocabulary.cut(tokenizer, {1})
    assert kept == [1, 2]
    assert smaller["model"]["vocab"] == [["利润", -4.0], ["<unk>", 0.0]]
    assert smaller["model"]["unk_id"] == 1


def test_a_cut_tokenizer_reads_its_texts_as_before():
    tokenizers = pytest.importorskip("tokenizers", reason="the train extra is not installed here")
    from tokenizers import models, pre_tokenizers

    whole = tokenizers.Tokenizer(
        models.WordPiece({"[UNK]": 0, "pro": 1, "##fit": 2, "profit": 3, "up": 4}, unk_token="[UNK]")
    )
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    import json

    state = json.loads(whole.to_str()) | {"post_processor": post_processor()}
    state["added_tokens"] = [{"id": 0, "content": "[UNK]"}]
    smaller, kept = vocabulary.cut(state, set(whole.encode("profit up").ids))
    cut = tokenizers.Tokenizer(models.WordPiece(smaller["model"]["vocab"], unk_token="[UNK]"))
    cut.pre_tokenizer = pre_tokenizers.Whitespace()
    assert cut.encode("profit up").tokens == ["profit", "up"]
    assert [kept[n] for n in cut.encode("profit up").ids] == [3, 4]
