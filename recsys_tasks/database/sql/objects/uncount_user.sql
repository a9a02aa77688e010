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
END $$;

REVOKE EXECUTE ON FUNCTION recsys.uncount_user FROM PUBLIC;

COMMENT ON FUNCTION recsys.uncount_user IS 'Take one user out of the counts of audience_counts.';
