-- Before the user's rows go: they say in which group the user was counted.
CREATE OR REPLACE FUNCTION recsys.uncount_user(known_key int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE recsys.audience_count_rows AS x SET users = x.users - 1
  FROM (SELECT p.id, coalesce(u.segment, '') AS segment, l.user_key IS NOT NULL AS own, coalesce(f.segment, '') <> '' AS known,
               CASE WHEN u.last_active >= p.as_of THEN 'active since'
                    WHEN u.last_active IS NULL THEN 'inactive' ELSE 'too few events' END AS why
        FROM recsys.users AS u
        JOIN recsys.publication AS p ON p.retired_at IS NULL
        LEFT JOIN recsys.list_rows AS l ON l.publication_id = p.id AND l.user_key = u.user_key
        LEFT JOIN recsys.fallback_rows AS f ON f.publication_id = p.id AND f.segment = u.segment
        WHERE u.user_key = known_key) AS g
  WHERE x.publication_id = g.id AND x.segment = g.segment
    AND x.served_by = CASE WHEN g.own THEN 'own' WHEN g.known THEN 'segment' ELSE 'everyone' END
    AND x.why_no_list = CASE WHEN g.own THEN '' ELSE g.why END;
  DELETE FROM recsys.audience_count_rows AS x WHERE x.users <= 0;
  UPDATE recsys.audience_change_rows AS x SET users = x.users - 1
  FROM (SELECT p.id, coalesce(u.segment, '') AS segment,
               CASE WHEN l.user_key IS NULL THEN 'lost' WHEN o.user_key IS NULL THEN 'gained' ELSE 'kept' END AS change,
               CASE WHEN l.user_key IS NOT NULL THEN '' WHEN u.last_active >= p.as_of THEN 'active since'
                    WHEN u.last_active IS NULL THEN 'inactive' ELSE 'too few events' END AS why
        FROM recsys.users AS u
        CROSS JOIN (SELECT DISTINCT c.publication_id, c.before_id FROM recsys.audience_change_rows AS c) AS c
        JOIN recsys.publication AS p ON p.id = c.publication_id AND p.retired_at IS NULL
        JOIN recsys.publication AS b ON b.id = c.before_id AND b.retired_at IS NULL
        LEFT JOIN recsys.list_rows AS l ON l.publication_id = p.id AND l.user_key = u.user_key
        LEFT JOIN recsys.list_rows AS o ON o.publication_id = b.id AND o.user_key = u.user_key
        WHERE u.user_key = known_key AND (l.user_key IS NOT NULL OR o.user_key IS NOT NULL)) AS g
  WHERE x.publication_id = g.id AND x.segment = g.segment AND x.change = g.change AND x.why = g.why;
  DELETE FROM recsys.audience_change_rows AS x WHERE x.users <= 0;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.uncount_user FROM PUBLIC;

COMMENT ON FUNCTION recsys.uncount_user IS 'Take one user out of the counts of audience_counts and audience_changes.';
