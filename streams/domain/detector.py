"""Tails of the two counts, and the verdict on one cell over one trailing span.

Counts are small, so the tests are exact tails as in disease surveillance, not z-scores:

- count: negative binomial, P(K >= k | mean mu, size r), variance mu + mu²/r; the tail is the regularised incomplete
  beta function I_{mu/(mu+r)}(k, r) (Abramowitz & Stegun 26.5.26);
- share: beta-binomial, P(K >= k | n, a, b) (Skellam 1948), summed in logarithms.

Negative surge = count AND share on the same span. Numbers are rounded where a verdict is made, so that what is stored
and what is in memory are the same number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import floor, log10

import numpy as np
from scipy.special import betainc, betaln, gammaln, logsumexp

SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a cell speaks, and when it is still speaking. Fields as in `settings.DetectorSettings`."""

    count_p: float = 1e-5
    share_p: float = 1e-3
    close_p: float = 1e-2
    min_negatives: int = 5
    min_sources: int = 3
    min_ratio: float = 2.0
    baseline: timedelta = timedelta(days=28)
    min_history: timedelta = timedelta(days=2)
    resolve_after: timedelta = timedelta(hours=1)

    @property
    def close_share_p(self) -> float:
        """The share is the weaker witness, so it keeps an episode open a little longer."""
        return min(1.0, 5 * self.close_p)


@dataclass(frozen=True, slots=True)
class SpanCount:
    """What one cell shows over a trailing span; stories, not copies."""

    negatives: int
    """Distinct stories with a negative mention (k)."""
    stories: int
    """Distinct stories (n)."""
    documents: int
    """Negative documents, copies included."""
    sources: int
    """Independent sources of the negative stories' first copies."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What history says of that span: a negative-binomial count and a beta share."""

    mean: float
    size: float
    """Negative-binomial size r: 1/r is the squared relative excess over Poisson."""
    share_a: float
    share_b: float

    @property
    def share(self) -> float:
        return self.share_a / (self.share_a + self.share_b)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One span of one cell at one pane end, with its figures."""

    span: str
    observed: int
    expected: float
    p_value: float
    stories: int
    share_observed: float
    share_expected: float
    share_p_value: float
    documents: int
    sources: int

    @property
    def ratio(self) -> float:
        """Effect size: observed over expected."""
        return self.observed / max(self.expected, 1e-9)

    @property
    def strength(self) -> tuple[float, int]:
        """Orders verdicts of one span; the count decides where the tail underflows."""
        return (-self.p_value, self.observed)


def negative_binomial_tail(k: int, mean: float, size: float) -> float:
    """P(K >= k) for a negative binomial with this mean and size."""
    if k <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    return float(betainc(k, size, mean / (mean + size)))


def beta_binomial_tail(k: int, n: int, a: float, b: float) -> float:
    """P(K >= k) of n draws whose probability is Beta(a, b)."""
    if k <= 0:
        return 1.0
    if k > n:
        return 0.0
    x = np.arange(k, n + 1, dtype=np.float64)
    choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    return float(min(1.0, np.exp(logsumexp(choose + betaln(x + a, n - x + b) - betaln(a, b)))))


def significant(value: float, digits: int = SIGNIFICANT_DIGITS) -> float:
    """Rounded to significant digits; what is stored compares equal to what is computed again."""
    if value == 0 or not np.isfinite(value):
        return value
    return round(value, digits - 1 - floor(log10(abs(value))))


def passes_gates(count: SpanCount, thresholds: Thresholds) -> bool:
    """The gates that need no history; they come before any p-value."""
    return count.negatives >= thresholds.min_negatives and count.sources >= thresholds.min_sources


def judge(span: str, count: SpanCount, expectation: Expectation) -> Verdict:
    """The figures of a span against its expectation."""
    tail = negative_binomial_tail(count.negatives, expectation.mean, expectation.size)
    share_tail = beta_binomial_tail(count.negatives, count.stories, expectation.share_a, expectation.share_b)
    return Verdict(
        span=span,
        observed=count.negatives,
        expected=significant(expectation.mean),
        p_value=significant(tail),
        stories=count.stories,
        share_observed=significant(count.negatives / count.stories if count.stories else 0.0),
        share_expected=significant(expectation.share),
        share_p_value=significant(share_tail),
        documents=count.documents,
        sources=count.sources,
    )


def fires(verdict: Verdict, thresholds: Thresholds) -> bool:
    """Whether this verdict alone opens an episode."""
    return (
        verdict.observed >= thresholds.min_negatives
        and verdict.sources >= thresholds.min_sources
        and verdict.ratio >= thresholds.min_ratio
        and verdict.p_value <= thresholds.count_p
        and verdict.share_p_value <= thresholds.share_p
    )


def holds(verdict: Verdict, thresholds: Thresholds) -> bool:
    """Whether this verdict keeps an episode open: hysteresis, so that a surge is one episode."""
    return (
        verdict.observed > 0
        and verdict.p_value <= thresholds.close_p
        and verdict.share_p_value <= thresholds.close_share_p
    )
