"""Revisions of closed windows: one statement for all of a size.

Of each window and entity that some pane end reads otherwise than the one before, the cells are folded as of each such pane
end; together with the stored row they are the cell's timeline. Where neighbours are equal nothing has changed; of the others
the last is current, the rest is history.
"""

from streams.adapters.postgres.window_rows import CELL, GROUPS, MEASURES, VALUES

NAMES = VALUES.split(", ")
SAME = f"ROW({', '.join('t.' + name for name in NAMES)})::text"
KEY = f"window_start, {CELL}"

REVISE = f"""
WITH refold AS (
    SELECT * FROM unnest(%(starts)s::timestamptz[], %(as_of)s::timestamptz[], %(panes)s::timestamptz[],
                         %(due)s::timestamptz[], %(known)s::timestamptz[]) AS r (window_start, as_of, pane, due, known)
), touched AS (
    SELECT window_start, as_of, max(known) AS known, entity_id
    FROM refold r JOIN core.mention_known m
      ON m.run_id = %(run)s AND m.event_time >= r.pane AND m.event_time < r.pane + interval '5 minutes'
     AND (m.known_pane = r.due OR m.superseded_pane = r.due)
    GROUP BY window_start, as_of, entity_id
), bound AS (
    SELECT t.window_start, t.as_of, m.*
    FROM touched t JOIN core.mention_known m
      ON m.run_id = %(run)s AND m.entity_id = t.entity_id
     AND m.event_time >= t.window_start AND m.event_time < t.window_start + %(width)s::interval
     AND m.known_pane <= t.as_of AND (m.superseded_pane IS NULL OR m.superseded_pane > t.as_of)
), folded AS (
    SELECT window_start, as_of, {MEASURES} FROM bound GROUP BY {GROUPS.format(window="window_start, as_of")}
), stored AS (
    SELECT w.* FROM core.window_agg w JOIN (SELECT DISTINCT window_start, entity_id FROM touched) AS t
      USING (window_start, entity_id)
    WHERE w.run_id = %(run)s AND w.window_size = %(size)s
), cell AS (
    SELECT {KEY} FROM stored UNION SELECT {KEY} FROM folded
), timeline AS (
    SELECT {KEY}, '-infinity'::timestamptz AS as_of, known_from AS known, {SAME} AS same, {VALUES} FROM stored AS t
    UNION ALL
    SELECT {KEY}, c.as_of, c.known, CASE WHEN t.buzz IS NOT NULL THEN {SAME} END, {VALUES}
    FROM (SELECT * FROM touched JOIN cell USING (window_start, entity_id)) AS c
         LEFT JOIN folded AS t USING ({KEY}, as_of)
), compared AS (
    SELECT *, lag(same) OVER (PARTITION BY {KEY} ORDER BY as_of) AS before FROM timeline
), changed AS (
    SELECT *, lead(known) OVER (PARTITION BY {KEY} ORDER BY as_of) AS known_until
    FROM compared WHERE same IS DISTINCT FROM before
), kept AS (
    INSERT INTO core.window_history (run_id, window_size, {KEY}, {VALUES}, known_from, known_until)
    SELECT %(run)s, %(size)s, {KEY}, {VALUES}, known, known_until FROM changed
    WHERE same IS NOT NULL AND known < known_until
    ON CONFLICT DO NOTHING
), gone AS (
    DELETE FROM core.window_agg w USING changed c
    WHERE w.run_id = %(run)s AND w.window_size = %(size)s AND w.window_start = c.window_start AND w.entity_id = c.entity_id
      AND w.topic = c.topic AND w.source_class = c.source_class AND c.known_until IS NULL AND c.same IS NULL
), current AS (
    INSERT INTO core.window_agg (run_id, window_size, {KEY}, {VALUES}, known_from)
    SELECT %(run)s, %(size)s, {KEY}, {VALUES}, known FROM changed
    WHERE same IS NOT NULL AND known_until IS NULL AND as_of > '-infinity'
    ON CONFLICT (run_id, window_size, {KEY}) DO UPDATE
    SET known_from = excluded.known_from, {", ".join(f"{name} = excluded.{name}" for name in NAMES)}
)
UPDATE core.window_status s SET revision = s.revision + r.revisions
FROM (
    SELECT window_start, source_class, count(DISTINCT as_of) AS revisions FROM changed WHERE as_of > '-infinity' GROUP BY 1, 2
) AS r
WHERE s.run_id = %(run)s AND s.window_size = %(size)s AND s.window_start = r.window_start AND s.source_class = r.source_class
"""
