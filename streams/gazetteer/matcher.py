"""Finding entities in a document with an Aho-Corasick automaton over all their names.

Of overlapping names the one that starts first wins, and of those the longest; Latin names end at word
boundaries, Chinese ones need none. Ambiguous names count only when something else speaks for the same entity.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import ahocorasick

from streams.domain.entity import Alias, AliasKind, EntityMention, MatchMethod
from streams.domain.relevance import AUTHOR_CEILING, HINT_RELEVANCE, Placement, relevance
from streams.domain.text import blank_urls
from streams.gazetteer.authors import speaks_as_author
from streams.gazetteer.names import fold, straight
from streams.gazetteer.symbols import Found, SymbolTable, refuted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.gazetteer.catalogue import Gazetteer

_CJK_STARTS: Final = "\u2e80"
_CAPITALS_FROM: Final = 5
"""Letters from which a case-sensitive name also counts in capitals (APPLE, but not ALL for All)."""
_METHOD_ORDER: Final = {method: position for position, method in enumerate(MatchMethod)}
_CODE_GAP: Final = 2


class _Entry(NamedTuple):
    """What the automaton knows about one folded name; no aliases = a blocked phrase."""

    length: int
    word_start: bool
    word_end: bool
    aliases: tuple[Alias, ...]


class _Text(NamedTuple):
    """A document as one string, and where its title ends (0 = none)."""

    shown: str
    title_end: int


class AhoCorasickMatcher:
    """An `EntityMatcher` over a gazetteer; immutable once built, safe to share between threads."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.version = gazetteer.version
        self._names = {entity.entity_id: entity.name for entity in gazetteer.entities}
        self._symbols = SymbolTable(gazetteer.aliases)
        self._automaton = _automaton(gazetteer)

    def find(self, title: str, body: str, hints: Sequence[str], at: datetime) -> tuple[EntityMention, ...]:
        """Entities by (first offset, id), as names and symbols stood at the event time `at`.

        `title` and `body` are normalised text. A hint counts when it resolves and the text does not
        refute it.
        """
        day = at.astimezone(UTC).date()
        text = _Text(f"{title}\n{body}" if title and body else title or body, len(title))
        found = self._evidence(blank_urls(text.shown), day)
        hinted = {
            owner: hint for hint in reversed(hints) if (owner := self._symbols.hint(hint, day)) is not None
        }
        settled = _settle(found, hinted)
        total = sum(map(len, settled.values()))
        mentions = [self._mention(entity_id, spans, text, total) for entity_id, spans in settled.items()]
        for entity_id, hint in hinted.items():
            if entity_id not in settled and not refuted(hint, text.shown):
                mentions.append(self._hint_mention(entity_id, text))
        return tuple(sorted(mentions, key=lambda mention: (mention.first_offset, mention.entity_id)))

    def _evidence(self, text: str, day: date) -> list[Found]:
        symbols = list(self._symbols.find(text, day))
        taken = {position for found in symbols for position in (found.start, found.end - 1)}
        named = [n for n in self._named(text, day) if n.start not in taken and n.end - 1 not in taken]
        return symbols + named

    def _named(self, text: str, day: date) -> list[Found]:
        candidates: list[tuple[int, int, Alias | None]] = []
        for last, entry in self._automaton.iter(fold(text)):
            start, end = last + 1 - entry.length, last + 1
            if not _bounded(text, start, end, entry):
                continue
            if not entry.aliases:
                candidates.append((start, -end, None))
            for alias in entry.aliases:
                if alias.validity.covers(day) and _written_so(alias, text[start:end]):
                    candidates.append((start, -end, alias))
                    break
        return _longest(candidates)

    def _mention(self, entity_id: str, spans: list[Found], text: _Text, total: int) -> EntityMention:
        best = min(spans, key=lambda found: (_METHOD_ORDER[found.method], found.start))
        first = min(found.start for found in spans)
        place = Placement(
            count=len(spans),
            total_count=total,
            in_title=first < text.title_end,
            has_title=text.title_end > 0,
            first_offset=first,
            length=len(text.shown),
        )
        score = relevance(place)
        authored = sum(speaks_as_author(text.shown, found.start, found.end) for found in spans)
        if 2 * authored > len(spans):
            score = min(score, AUTHOR_CEILING)
        return EntityMention(
            entity_id=entity_id,
            surface=text.shown[best.start : best.end],
            first_offset=first,
            count=len(spans),
            in_title=place.in_title,
            relevance=score,
            method=best.method,
        )

    def _hint_mention(self, entity_id: str, text: _Text) -> EntityMention:
        return EntityMention(
            entity_id=entity_id,
            surface=self._names[entity_id],
            first_offset=len(text.shown),
            count=0,
            in_title=False,
            relevance=HINT_RELEVANCE,
            method=MatchMethod.HINT,
        )


def _automaton(gazetteer: Gazetteer) -> ahocorasick.Automaton:
    by_name: dict[str, list[Alias]] = {}
    for alias in gazetteer.aliases:
        bare_ticker = alias.kind is AliasKind.TICKER and alias.ambiguous
        if alias.kind is not AliasKind.CODE and not bare_ticker:
            by_name.setdefault(fold(alias.alias), []).append(alias)
    automaton = ahocorasick.Automaton()
    for name, aliases in by_name.items():
        # An unambiguous reading first: a name before the ticker that is spelled the same.
        ordered = tuple(
            sorted(aliases, key=lambda alias: (alias.ambiguous, alias.case_sensitive, alias.kind))
        )
        automaton.add_word(name, _Entry(len(name), _is_word(name[0]), _is_word(name[-1]), ordered))
    for phrase in gazetteer.blocked:
        name = fold(phrase)
        automaton.add_word(name, _Entry(len(name), _is_word(name[0]), _is_word(name[-1]), ()))
    automaton.make_automaton()
    return automaton


def _is_word(character: str) -> bool:
    return character == "_" or (character.isalnum() and character < _CJK_STARTS)


def _bounded(text: str, start: int, end: int, entry: _Entry) -> bool:
    before = text[start - 1] if start else " "
    if entry.word_start and (_is_word(before) or before in "$@"):
        return False  # part of a word, a cashtag (settled elsewhere), or an account's handle
    if before in ".," and text[start].isdigit():
        return False  # `9.3M` is an amount
    return not (entry.word_end and end < len(text) and _is_word(text[end]))


def _written_so(alias: Alias, surface: str) -> bool:
    if not alias.case_sensitive or surface == alias.alias or straight(surface) == straight(alias.alias):
        return True
    return len(surface) >= _CAPITALS_FROM and surface == alias.alias.upper()


def _longest(candidates: list[tuple[int, int, Alias | None]]) -> list[Found]:
    candidates.sort(key=lambda candidate: candidate[:2])
    found: list[Found] = []
    free_from = 0
    for start, negative_end, alias in candidates:
        if start < free_from:
            continue
        free_from = -negative_end
        if alias is not None:
            method = MatchMethod.TICKER if alias.kind is AliasKind.TICKER else MatchMethod.NAME
            found.append(Found(start, free_from, alias.entity_id, method, alias.ambiguous))
    return found


def _settle(found: Sequence[Found], hinted: Iterable[str]) -> dict[str, list[Found]]:
    """Evidence by entity: ambiguous pieces need a sure one or a hint; a code after its name counts once."""
    by_entity: dict[str, list[Found]] = {}
    if not found:
        return by_entity
    for piece in sorted(found):
        by_entity.setdefault(piece.entity_id, []).append(piece)
    sure = set(hinted)
    for entity_id, pieces in by_entity.items():
        if any(not piece.ambiguous for piece in pieces) or any(_follows(a, b) for a, b in pairwise(pieces)):
            sure.add(entity_id)
    return {
        entity_id: _without_labels(pieces) for entity_id, pieces in by_entity.items() if entity_id in sure
    }


def _follows(name: Found, code: Found) -> bool:
    """A code right behind the name: `贵州茅台(600519)`, `Apple (NASDAQ: AAPL)`."""
    return (
        code.method is MatchMethod.CODE
        and name.method is MatchMethod.NAME
        and code.start - name.end <= _CODE_GAP
    )


def _without_labels(pieces: list[Found]) -> list[Found]:
    kept = [pieces[0]]
    kept.extend(piece for before, piece in pairwise(pieces) if not _follows(before, piece))
    return kept
