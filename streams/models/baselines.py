"""What a model has to beat: a lexicon, counted words with a linear model, and its own untuned backbone.

Each is measured on the same rows in the same run as the model. They need the train extra; what cannot run is
in the table with its reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streams.errors import Misconfigured
from streams.models import TRAIN_EXTRA, datasets
from streams.models.evaluation import figures_of
from streams.models.splitting import split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streams.models.evaluation import Labelled

    Pairs = Sequence[tuple[str, str]]
    Score = Callable[[Pairs], NDArray[np.float64]]

PROBE_TEXTS: Final = 3_000
"""Training texts of the linear probe: more move it little and take minutes."""
VADER_NEUTRAL: Final = 0.05
"""The threshold that VADER's authors give for its compound score."""
MAX_TOKENS: Final = 128


class Baselines:
    """The baselines of every task, each fitted once however many files are measured."""

    def __init__(self, data: Path | None, backbone: Path | None) -> None:
        self._data, self._backbone = data, backbone
        self._fitted: dict[tuple[str, str], Score] = {}

    def table(self, labelled: Labelled, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Figures of each baseline on these rows, or {"skipped": reason}."""
        task = "sentiment" if len(labels) == 3 else "topic"
        makers: dict[str, Callable[[], Score]] = {
            "VADER lexicon": lambda: _vader(labels),
            "TF-IDF + logistic regression": lambda: _counted_words(*_training(task, self._data), labels),
            "untuned backbone + linear probe": lambda: _probe(
                *_training(task, self._data), labels, self._backbone
            ),
        }
        majority = figures_of(labelled, _majority(labelled, labels)(labelled.pairs), labels)
        rows = {name: self._row(task, name, maker, labelled, labels) for name, maker in makers.items()}
        return {"majority class": majority, **rows}

    def _row(
        self, task: str, name: str, maker: Callable[[], Score], labelled: Labelled, labels: Sequence[str]
    ) -> dict[str, Any]:
        try:
            if (task, name) not in self._fitted:
                self._fitted[task, name] = maker()
            probabilities = self._fitted[task, name](labelled.pairs)
        except ImportError as error:
            return {"skipped": f"{error.name} is missing: {TRAIN_EXTRA}"}
        except Misconfigured as error:
            return {"skipped": str(error)}
        return figures_of(labelled, probabilities, labels)


def _training(task: str, data: Path | None) -> tuple[list[tuple[str, str]], NDArray[np.int64]]:
    """The training side of the labelled files: what the models themselves learnt from."""
    if data is None:
        raise Misconfigured("needs --data, the folder of labelled files")
    train = split(datasets.load(task, data))[0]
    return [(e.text, e.target) for e in train], np.array([e.label for e in train], dtype=np.int64)


def _majority(labelled: Labelled, labels: Sequence[str]) -> Score:
    counts = np.bincount(labelled.truth, minlength=len(labels)).astype(np.float64)
    return lambda pairs: np.tile(counts / counts.sum(), (len(pairs), 1))


def _vader(labels: Sequence[str]) -> Score:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    if tuple(labels) != ("negative", "neutral", "positive"):
        raise Misconfigured("a sentiment lexicon knows no topics")
    analyzer = SentimentIntensityAnalyzer()

    def one(text: str) -> list[float]:
        compound = float(analyzer.polarity_scores(text)["compound"])
        neutral = max(0.0, VADER_NEUTRAL * 2 - abs(compound)) or 1e-6
        scores = [max(-compound, 0.0), neutral, max(compound, 0.0)]
        return [score / sum(scores) for score in scores]

    return lambda pairs: np.array([one(text) for text, _ in pairs])


def _counted_words(pairs: Pairs, truth: NDArray[np.int64], labels: Sequence[str]) -> Score:
    """Character n-grams of one to four, which serve both languages; the target is ignored."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 4), max_features=200_000, sublinear_tf=True, min_df=2
    )
    model = make_pipeline(words, SGDClassifier(loss="log_loss", alpha=1e-5, random_state=17))
    model.fit([text for text, _ in pairs], truth)
    return lambda asked: _spread(model.predict_proba([text for text, _ in asked]), model.classes_, labels)


def _probe(pairs: Pairs, truth: NDArray[np.int64], labels: Sequence[str], backbone: Path | None) -> Score:
    """The backbone's mean-pooled token vectors, untouched, under a logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from transformers import AutoModel, AutoTokenizer

    if backbone is None:
        raise Misconfigured("needs --backbone, the folder of the untuned model")
    tokenizer = AutoTokenizer.from_pretrained(str(backbone))
    encoder = AutoModel.from_pretrained(str(backbone)).eval()
    chosen = np.random.default_rng(17).permutation(len(pairs))[:PROBE_TEXTS]
    model = LogisticRegression(max_iter=500)
    model.fit(_vectors(encoder, tokenizer, [pairs[i] for i in chosen]), truth[chosen])
    return lambda asked: _spread(
        model.predict_proba(_vectors(encoder, tokenizer, asked)), model.classes_, labels
    )


def _vectors(encoder: Any, tokenizer: Any, pairs: Pairs) -> NDArray[np.float64]:
    import torch

    rows = []
    order = sorted(range(len(pairs)), key=lambda place: len(pairs[place][0]))
    for start in range(0, len(order), 32):
        texts = [f"{pairs[place][1]} {pairs[place][0]}".strip() for place in order[start : start + 32]]
        batch = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            states = encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        rows.append(((states * mask).sum(1) / mask.sum(1)).float().numpy())
    vectors = np.concatenate(rows).astype(np.float64)
    back = np.empty_like(vectors)
    back[order] = vectors
    return back


def _spread(found: Any, classes: Any, labels: Sequence[str]) -> NDArray[np.float64]:
    """Probabilities of the classes a model has seen, in the columns of all labels."""
    full = np.zeros((len(found), len(labels)))
    full[:, np.asarray(classes, dtype=np.int64)] = found
    return full
