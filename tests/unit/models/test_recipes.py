import json
import random
from dataclasses import asdict

import pytest

from streams.errors import Misconfigured
from streams.models import recipes
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


def test_every_bundled_recipe_is_read_and_says_which_task_and_language_it_is_for():
    loaded = [recipes.load(name) for name in recipes.names()]
    assert {(r.task, r.language) for r in loaded} >= {
        (task, language) for task in ("sentiment", "topic") for language in ("en", "zh")
    }
    assert all(r.note for r in loaded)


def test_a_field_that_recipes_do_not_have_is_refused_by_name():
    with pytest.raises(Misconfigured, match="learning_speed"):
        recipes.parse('task = "topic"\nlearning_speed = 1\n', "mine")


def test_an_unknown_recipe_is_answered_with_the_bundled_names():
    with pytest.raises(Misconfigured, match="topic-zh"):
        recipes.load("no-such-recipe")


def test_options_override_the_file_and_missing_ones_do_not(tmp_path):
    (tmp_path / "r.toml").write_text('task = "topic"\nseed = 5\nepochs = 7\n', "utf-8")
    recipe = recipes.load(str(tmp_path / "r.toml"), seed=9, epochs=None)
    assert (recipe.seed, recipe.epochs, recipe.name) == (9, 7, "r")


def test_adversarial_steps_need_trainable_embeddings():
    with pytest.raises(Misconfigured, match="freeze_embeddings"):
        recipes.parse('task = "topic"\nfgm = 1.0\n', "mine")


def test_a_recipe_survives_being_written_into_a_checkpoint():
    recipe = recipes.load("sentiment-zh", exclude=("a.csv",))
    assert recipes.of_record(json.loads(json.dumps(asdict(recipe)))) == recipe


def test_balanced_sampling_draws_rare_classes_more_often():
    examples = [Example(f"t{i}", "", int(i >= 900), "en", "test") for i in range(1_000)]
    assert recipes.drawn(examples, 0.0, random.Random(1)) == list(range(1_000))
    rare = sum(examples[i].label for i in recipes.drawn(examples, 1.0, random.Random(1)))
    assert 400 < rare < 600
