"""What a training run is made of: its recipe, and what each of its epochs sees."""

from __future__ import annotations

import random
import tomllib
from collections import Counter
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streams.domain.label import SENTIMENT_LABELS, TOPIC_SLUGS
from streams.errors import Misconfigured
from streams.models import served

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.models.datasets import Example

LABELS: Final = {"sentiment": SENTIMENT_LABELS, "topic": TOPIC_SLUGS}
# The newest text in the files: news flashes of January 2022, posts up to 2023; stated conservatively.
TRAINING_CUTOFF: Final = "2023-12-31"
_POOL_OF_BATCHES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that determines a training run, the files' content and the backbone aside.

    Recipe files (streams/models/recipe_files/*.toml) set these fields under the same names; README.md beside
    this module says what each was found to be worth.
    """

    task: str
    language: str = ""  # texts of one language only: an expert; empty: all
    name: str = "custom"
    note: str = ""
    epochs: int = 3
    batch: int = 32
    learning_rate: float = 5e-5
    head_factor: float = 10.0  # the head learns this much faster than the encoder
    layer_decay: float = 1.0  # each layer below the last learns this much slower than the one above
    warm_up: float = 0.06
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    dropout: float = 0.1
    attention_dropout: float = 0.0  # off: the fused attention kernel then applies, a tenth faster
    freeze_embeddings: bool = True
    target: str = "segment"  # how the entity is shown: second segment, or marked in the "text"
    target_dropout: bool = True  # hide targets with each example's own chance
    balance: float = 0.0  # sample classes by their frequency to the power 1 - balance
    r_drop: float = 0.0  # weight of the divergence between two dropout passes (Liang et al. 2021)
    fgm: float = 0.0  # length of the adversarial step on the embeddings (Miyato et al. 2017)
    lora_rank: int = 0  # train low-rank updates of the attention instead of all weights (Hu et al. 2022)
    teachers: tuple[str, ...] = ()  # finished checkpoints whose mean probabilities are taught too
    teaching: float = 0.5  # the teachers' weight in the loss
    average_last: int = 1  # mean of the weights of so many last epochs
    seed: int = 17
    max_tokens: int = served.MAX_TOKENS
    dev_share: float = 0.07
    train_share: float = 1.0  # part of the training texts, for quick comparisons
    own_dropout: float = 0.5  # chance that the target of one of our own sentences is hidden
    exclude: tuple[str, ...] = ()
    keep: Mapping[str, float] = field(
        default_factory=dict
    )  # "file:label" -> share of its texts kept in training


def load(source: str, **changes: Any) -> Recipe:
    """A recipe by name (one of the bundled files) or path; `changes` that are None are ignored.

    Raises:
        Misconfigured: no such recipe, or a field that recipes do not have.
    """
    path = Path(source)
    if not path.suffix:
        bundled = files("streams.models").joinpath(f"recipe_files/{source}.toml")
        if not bundled.is_file():
            raise Misconfigured(f"no recipe {source}: the bundled ones are {', '.join(names())}")
        text = bundled.read_text("utf-8")
    elif path.is_file():
        text = path.read_text("utf-8")
    else:
        raise Misconfigured(f"no recipe file {path}")
    return parse(text, path.stem, **changes)


def parse(text: str, name: str, **changes: Any) -> Recipe:
    """A recipe from TOML."""
    given = {"name": name} | tomllib.loads(text) | {k: v for k, v in changes.items() if v is not None}
    unknown = set(given) - set(FIELDS)
    if unknown or given.get("task") not in LABELS:
        raise Misconfigured(f"recipe {name}: unknown {', '.join(sorted(unknown)) or 'or missing task'}")
    if given.get("fgm") and given.get("freeze_embeddings", True):
        raise Misconfigured(f"recipe {name}: fgm needs freeze_embeddings = false")
    return _recipe(given)


FIELDS: Final = tuple(f.name for f in fields(Recipe))


def of_record(record: Mapping[str, Any], **changes: Any) -> Recipe:
    """The recipe that a finished checkpoint's recipe.json holds."""
    given = {name: record[name] for name in FIELDS if name in record} | changes
    return _recipe(given)


def _recipe(given: Mapping[str, Any]) -> Recipe:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return Recipe(**values)


def names() -> list[str]:
    """The bundled recipes."""
    folder = files("streams.models").joinpath("recipe_files")
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def hide_targets(examples: Sequence[Example], seed: int, epoch: int) -> list[tuple[str, str]]:
    """(text, target) of each example, targets hidden with each example's own chance."""
    generator = random.Random(f"{seed}:{epoch}:targets")  # noqa: S311 - reproducible, no secret
    # one draw per example, used or not, so that an added file does not reshuffle the others
    return [(e.text, "" if generator.random() < e.target_dropout else e.target) for e in examples]


def drawn(examples: Sequence[Example], balance: float, generator: random.Random) -> list[int]:
    """Which examples an epoch sees: all once, or as many drawn so that rare classes come more often."""
    if not balance:
        return list(range(len(examples)))
    counts = Counter(e.label for e in examples)
    weights = [counts[e.label] ** -balance for e in examples]
    return generator.choices(range(len(examples)), weights, k=len(examples))


def batches_of_like_length(lengths: Sequence[int], size: int, generator: random.Random) -> list[list[int]]:
    """Indices in shuffled batches; pools of 40 batches are sorted by length, so little is padding."""
    order = list(range(len(lengths)))
    generator.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), size * _POOL_OF_BATCHES):
        pool = sorted(order[start : start + size * _POOL_OF_BATCHES], key=lambda i: lengths[i])
        batches.extend(pool[i : i + size] for i in range(0, len(pool), size))
    generator.shuffle(batches)
    return batches
