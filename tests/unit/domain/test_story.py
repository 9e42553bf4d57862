from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta

from streams.adapters.minhash import DatasketchSigner
from streams.domain import leaders as leading
from streams.domain.leaders import LeaderIndex, assign_stories
from streams.domain.story import JOIN_SIMILARITY, STORY_SPAN, Leader, Signed, similarity, story_id

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
SIGNER = DatasketchSigner()
NEWS = "Acme Motors recalls two thousand electric cars after brakes failed during a test drive in Norway"


def document(text: str, minutes: float = 0, name: str | None = None, title: str = "") -> Signed:
    identity = uuid.uuid5(uuid.NAMESPACE_URL, name or f"{title}{text}{minutes}")
    return Signed(identity, START + timedelta(minutes=minutes), SIGNER.sign(title, text))


def stories(*documents: Signed) -> list[uuid.UUID]:
    assigned = {a.document_id: a.story_id for a in assign_stories(documents, [])}
    return [assigned[d.document_id] for d in documents]


def test_repost_and_edited_echoes_join_the_first():
    first = document(NEWS)
    echoes = [
        document(f"RT @desk: {NEWS}", 1),
        document(f"BREAKING: {NEWS} http://t.co/abc", 2),
        document(f"{NEWS} #cars #recall", 3),
        document(NEWS.replace("two thousand", "2000"), 4),
    ]
    assert set(stories(first, *echoes)) == {story_id(first.document_id)}


def test_different_news_about_one_company_is_a_different_story():
    other = document("Acme Motors opens its third factory in Mexico and hires nine hundred people", 1)
    assert len(set(stories(document(NEWS), other))) == 2


def test_chinese_copies_with_dateline_title_and_source_are_one_story():
    text = "某汽车公司宣布召回两千辆电动车,原因是试驾期间制动系统失灵,公司将免费更换零部件。"
    plain = document(text, title="某汽车公司召回两千辆电动车")
    flash = document(f"【某汽车公司召回两千辆电动车】财联社1月5日电,{text}(央视新闻)", 3)
    assert len(set(stories(plain, flash))) == 1


def test_different_chinese_news_is_a_different_story():
    assert (
        len(
            set(
                stories(
                    document("现货黄金站上每盎司四千美元关口"),
                    document("某公司公告拟回购不超过五亿元股份", 1),
                )
            )
        )
        == 2
    )


def test_story_ends_after_a_day():
    later = document(NEWS, 24 * 60 + 1)
    assert len(set(stories(document(NEWS), later))) == 2


def test_first_is_decided_by_event_time_not_by_arrival():
    late_arrival, early_arrival = document(NEWS, 0), document(NEWS, 5)
    assigned = assign_stories([early_arrival, late_arrival], [])
    assert [a.document_id for a in assigned if a.is_leader] == [late_arrival.document_id]


def test_equal_times_are_ordered_by_id():
    pair = [document(NEWS, 0, name) for name in ("a", "b")]
    (leader,) = [a for a in assign_stories(pair, []) if a.is_leader]
    assert leader.document_id == min(d.document_id for d in pair)


def test_known_leader_is_joined_and_never_replaced():
    known = Leader(uuid.UUID(int=7), START, document(NEWS).signature)
    (early,) = assign_stories([document(NEWS, -10)], [known])
    (copy,) = assign_stories([document(NEWS, 10)], [known])
    assert (early.story_id, copy.story_id) == (known.story_id, known.story_id)
    assert not early.is_leader
    assert not copy.is_leader


def test_leader_of_yesterday_is_forgotten():
    known = Leader(uuid.UUID(int=7), START - STORY_SPAN - timedelta(seconds=1), document(NEWS).signature)
    (assigned,) = assign_stories([document(NEWS)], [known])
    assert assigned.is_leader


def test_document_without_words_leads_its_own_story():
    assert len(set(stories(document("…", 0), document("!!", 1), document("", 2)))) == 3


def test_pane_by_pane_equals_all_at_once():
    rng = random.Random(3)
    texts = [" ".join(rng.choices([f"word{i}" for i in range(60)], k=12)) for _ in range(40)]
    documents = [document(rng.choice(texts), minute, str(minute)) for minute in range(300)]
    whole = {a.document_id: a.story_id for a in assign_stories(documents, [])}
    leaders: list[Leader] = []
    piecewise = {}
    for start in range(0, 300, 5):
        pane = documents[start : start + 5]
        signed = {d.document_id: d for d in pane}
        for assigned in assign_stories(pane, leaders):
            piecewise[assigned.document_id] = assigned.story_id
            if assigned.is_leader:
                one = signed[assigned.document_id]
                leaders.append(Leader(assigned.story_id, one.event_time, one.signature))
    assert piecewise == whole


def test_shuffled_input_gives_the_same_stories():
    documents = [document(f"{NEWS} {i % 7} {'x' * (i % 7)}", i, str(i)) for i in range(50)]
    shuffled = documents[:]
    random.Random(1).shuffle(shuffled)
    assert assign_stories(shuffled, []) == assign_stories(documents, [])


def test_similarity_estimates_the_shared_part():
    same = SIGNER.sign("", NEWS)
    assert similarity(same, same) == 1.0
    assert similarity(same, b"") == 0.0
    assert (
        similarity(same, SIGNER.sign("", "an entirely unrelated text about the weather"))
        < 0.2
        < JOIN_SIMILARITY
    )


def test_the_arrays_find_what_the_dictionaries_find(monkeypatch):
    documents = [document(f"{NEWS} {i % 40} {'x' * (i % 7)}", i, str(i)) for i in range(300)]
    plain = assign_stories(documents, [])
    monkeypatch.setattr(leading, "FRESH", 3)
    assert assign_stories(documents, []) == plain


def test_leaders_that_are_forgotten_are_joined_by_nobody():
    index = LeaderIndex([Leader(uuid.UUID(int=7), START, document(NEWS).signature)])
    index.forget_before(START + timedelta(minutes=1))
    assert len(index) == 0
    assert index.assign(document(NEWS, 5)).is_leader
