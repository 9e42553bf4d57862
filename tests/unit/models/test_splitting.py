import random

from streams.models.datasets import Example
from streams.models.splitting import duplicate_key, near_duplicates, split


def examples(*texts: str) -> list[Example]:
    return [Example(text, "", 0, "en", "test") for text in texts]


def unlike(count: int, seed: int = 1) -> list[str]:
    """Texts that share no 5-gram to speak of."""
    generator = random.Random(seed)
    return [" ".join(f"{generator.getrandbits(40):x}" for _ in range(5)) for _ in range(count)]


def test_copies_that_differ_in_link_case_and_punctuation_are_the_same_text():
    first = duplicate_key("Apple CUTS forecast, shares fall! https://t.co/abc")
    assert first == duplicate_key("apple cuts forecast - shares fall https://t.co/xyz")
    assert first != duplicate_key("Apple raises forecast, shares rise")


def test_full_width_and_half_width_forms_are_the_same_text():
    assert duplicate_key("净利增１０％。") == duplicate_key("净利增10%")


def test_duplicates_stay_on_one_side():
    texts = unlike(500)
    train, dev = split(
        examples(*texts, *(f"{text.upper()}!! https://t.co/{i}" for i, text in enumerate(texts)))
    )
    assert dev
    assert not {duplicate_key(e.text) for e in train} & {duplicate_key(e.text) for e in dev}


def test_near_duplicates_stay_on_one_side_in_whatever_order_they_come():
    pairs = [(text, f"Update: {text}") for text in unlike(300)]
    for order in (pairs, [pair[::-1] for pair in reversed(pairs)]):
        train, dev = split(examples(*(text for pair in order for text in pair)), dev_share=0.3)
        seen = {e.text for e in dev}
        assert all((first in seen) == (second in seen) for first, second in order)
        assert train
        assert dev


def test_texts_that_share_little_are_no_near_duplicates():
    keys = [
        duplicate_key(text) for text in ("净利润同比增长一成，好于预期", "股东大会定于下周召开，审议年报")
    ]
    assert near_duplicates(keys) == {key: key for key in keys}


def test_the_side_of_a_text_does_not_depend_on_unlike_texts():
    texts = unlike(400)
    _, dev_of_all = split(examples(*texts))
    _, dev_of_half = split(examples(*texts[200:]))
    assert [e.text for e in dev_of_half] == [e.text for e in dev_of_all if e.text in set(texts[200:])]


def test_share_of_the_development_side_is_about_what_was_asked():
    _, dev = split(examples(*unlike(4_000)), dev_share=0.1)
    assert 320 < len(dev) < 480


def test_a_key_keeps_different_texts_together():
    filled = [Example(f"filling {i}", "", 0, "en", "own", key="one template") for i in range(50)]
    train, dev = split(filled)
    assert not train or not dev
