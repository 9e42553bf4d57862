import random

from streams.models.datasets import Example
from streams.models.recipes import batches_of_like_length, hide_targets


def example(number: int, target_dropout: float = 0.5, target: str = "Acme") -> Example:
    return Example(f"text {number}", target, 0, "en", "test", target_dropout=target_dropout)


def test_targets_are_hidden_about_as_often_as_asked():
    shown = [target for _, target in hide_targets([example(i) for i in range(2_000)], seed=1, epoch=0)]
    assert 900 < shown.count("") < 1_100


def test_a_target_that_must_stay_is_never_hidden():
    pairs = hide_targets([example(i, target_dropout=0) for i in range(200)], seed=1, epoch=0)
    assert all(target == "Acme" for _, target in pairs)


def test_a_resumed_epoch_hides_the_same_targets_and_another_epoch_others():
    examples = [example(i) for i in range(100)]
    assert hide_targets(examples, 1, 3) == hide_targets(examples, 1, 3)
    assert hide_targets(examples, 1, 3) != hide_targets(examples, 1, 4)


def test_an_added_file_does_not_change_which_targets_of_the_others_are_hidden():
    examples = [example(i) for i in range(50)]
    longer = hide_targets([*examples, example(99)], 1, 0)
    assert longer[:50] == hide_targets(examples, 1, 0)


def test_batches_hold_every_example_once_and_texts_of_like_length():
    lengths = [random.Random(7).randrange(3, 128) for _ in range(1_000)]
    batches = batches_of_like_length(lengths, 32, random.Random(1))
    assert sorted(i for batch in batches for i in batch) == list(range(1_000))
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)
