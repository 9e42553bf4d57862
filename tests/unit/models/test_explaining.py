"""Explanations and their faithfulness on a toy whose reasons are known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.cli.explain import as_html, as_text
from streams.domain.label import SENTIMENT_LABELS
from streams.models import explaining, faithfulness
from streams.models.robustness import sentences

WEIGHTS = {"loss": (2.0, 0), "fine": (1.5, 0), "profit": (0, 2.0), "亏损": (2.0, 0), "增长": (0, 2.0)}


class Lexicon:
    """Negative for each bad word, positive for each good one, neutral without."""

    labels = SENTIMENT_LABELS
    version = "sentiment-toy"

    def score(self, pairs):
        rows = []
        for text, _ in pairs:
            bad = sum(w[0] * text.count(word) for word, w in WEIGHTS.items())
            good = sum(w[1] * text.count(word) for word, w in WEIGHTS.items())
            logits = np.array([bad, 1.0, good])
            rows.append(np.exp(logits) / np.exp(logits).sum())
        return np.array(rows)


class Contrary(Lexicon):
    """Explains with one model and answers with another: words it points at do not matter."""

    def score(self, pairs):
        return super().score(pairs) if len(pairs) > 10 else np.tile([0.5, 0.3, 0.2], (len(pairs), 1))


@pytest.mark.parametrize(
    ("text", "word"),
    [("Acme reports a loss for the quarter", "loss"), ("远山科技公布业绩：亏损扩大", "亏损")],
)
def test_the_word_that_decides_comes_first(text, word):
    found = explaining.explain(Lexicon(), text)
    assert (found.label, found.as_dict()["top"][0]) == ("negative", word)
    assert found.text[found.pieces[0].start : found.pieces[0].end] == found.pieces[0].text


def test_a_word_that_speaks_against_the_answer_weighs_less_than_nothing():
    found = explaining.explain(Lexicon(), "a loss and a loss despite profit")
    assert next(piece.weight for piece in found.pieces if piece.text == "profit") < 0


def test_an_explanation_is_the_same_each_time():
    text = "Acme reports a loss for the quarter"
    assert explaining.explain(Lexicon(), text) == explaining.explain(Lexicon(), text)


@given(st.text(max_size=400))
def test_pieces_are_apart_in_order_and_few(text):
    spans = explaining.pieces_of(text)
    assert len(spans) <= explaining.MAX_PIECES
    assert all(a < b for a, b in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert explaining.without(text, spans)


def test_leaving_out_the_top_words_costs_more_than_leaving_out_random_ones():
    texts = [(f"Acme {n} reports a loss for the whole quarter in Lyon", "") for n in range(30)]
    result = faithfulness.check(Lexicon(), texts)
    assert result["n"] == 30
    assert result["fall_top"] > result["fall_random"] > 0
    assert result["difference_interval"][0] > 0


def test_attributions_that_do_not_matter_are_found_out():
    texts = [(f"Acme {n} reports a loss for the whole quarter in Lyon", "") for n in range(30)]
    assert faithfulness.check(Contrary(), texts)["difference_interval"][0] <= 0.1


def test_text_and_page_show_every_word_and_escape_markup():
    found = explaining.explain(Lexicon(), "loss <b>bold</b> & more", "A&B")
    assert "loss" in as_text(found)
    page = as_html(found)
    assert "<b>bold" not in page
    assert "A&amp;B" in page
    assert page.count("<mark") == len(found.pieces)


def test_our_own_sentences_are_enough_for_the_check_on_a_served_model():
    assert len(sentences()) >= 100
    assert {s.language for s in sentences()} == {"en", "zh"}
