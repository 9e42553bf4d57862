"""The columns of a window, and how each is computed from the mentions in it."""

CELL = "entity_id, topic, source_class"
VALUES = (
    "buzz, stories, sources, negatives, neutrals, positives, negative_stories, net_sentiment, negative_share,"
    " conf_weighted_sentiment, p_neg, p_pos, late"
)
MEASURES = """
    entity_id, coalesce(topic, 'all') AS topic, coalesce(source_class, 'all') AS source_class,
    count(*) AS buzz,
    count(DISTINCT coalesce(story_id, document_id)) AS stories,
    count(DISTINCT source_key) AS sources,
    count(*) FILTER (WHERE sentiment_class = 'negative') AS negatives,
    count(*) FILTER (WHERE sentiment_class = 'neutral') AS neutrals,
    count(*) FILTER (WHERE sentiment_class = 'positive') AS positives,
    count(DISTINCT coalesce(story_id, document_id)) FILTER (WHERE sentiment_class = 'negative') AS negative_stories,
    round((count(*) FILTER (WHERE sentiment_class = 'positive')
         - count(*) FILTER (WHERE sentiment_class = 'negative'))::numeric / count(*), 6) AS net_sentiment,
    round((count(*) FILTER (WHERE sentiment_class = 'negative'))::numeric / count(*), 6) AS negative_share,
    coalesce(round(sum(confidence * (p_pos - p_neg)) / nullif(sum(confidence), 0), 6), 0) AS conf_weighted_sentiment,
    round(sum(p_neg) / count(*), 6) AS p_neg,
    round(sum(p_pos) / count(*), 6) AS p_pos,
    count(*) FILTER (WHERE known_pane > window_start + %(width)s::interval) AS late
"""
GROUPS = (
    "GROUPING SETS (({window}, entity_id, topic, source_class), ({window}, entity_id, topic),"
    " ({window}, entity_id, source_class), ({window}, entity_id))"
)
