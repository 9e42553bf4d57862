from streams.models.datasets import Example
from streams.models.splitting import duplicate_key, split


def examples(*texts: str) -> list[Example]:
    return [Example(text, "", 0, "en", "test") for text in texts]


def test_copies_that_differ_in_link_case_and_punctuation_are_the_same_text():
    first = duplicate_key("Apple CUTS forecast, shares fall! https://t.co/abc")
    assert first == duplicate_key("apple cuts forecast - shares fall https://t.co/xyz")
    assert first != duplicate_key("Apple raises forecast, shares rise")


def test_full_width_and_half_width_forms_are_the_same_text():
    assert duplicate_key("净利增１０％。") == duplicate_key("净利增10%")


def test_duplicates_stay_on_one_side():
    texts = [f"Company {i} cuts its forecast" for i in range(500)]
    train, dev = split(
        examples(*texts, *(f"{text.upper()}!! https://t.co/{i}" for i, text in enumerate(texts)))
    )
    assert dev
    assert not {duplicate_key(e.text) for e in train} & {duplicate_key(e.text) for e in dev}


def test_the_side_of_a_text_does_not_depend_on_what_else_is_there():
    texts = [f"headline number {i}" for i in range(400)]
    _, dev_of_all = split(examples(*texts))
    _, dev_of_half = split(examples(*texts[200:]))
    assert [e.text for e in dev_of_half] == [e.text for e in dev_of_all if e.text in set(texts[200:])]


def test_share_of_the_development_side_is_about_what_was_asked():
    _, dev = split(examples(*(f"text {i}" for i in range(4_000))), dev_share=0.1)
    assert 320 < len(dev) < 480


def test_a_key_keeps_different_texts_together():
    filled = [Example(f"filling {i}", "", 0, "en", "own", key="one template") for i in range(50)]
    train, dev = split(filled)
    assert not train or not dev
