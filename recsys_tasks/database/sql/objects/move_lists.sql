-- Lists are counted by where their users live now, as audience and exports have it. Publications whose lists are gone keep
-- what was counted.
CREATE OR REPLACE FUNCTION recsys.move_lists() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  one record;
BEGIN
  IF NOT EXISTS (SELECT FROM old_users AS o JOIN new_users AS n ON n.user_key = o.user_key
                 WHERE n.segment IS DISTINCT FROM o.segment) THEN
    RETURN NULL;
  END IF;
  FOR one IN SELECT p.id, p.k FROM recsys.publication AS p
             WHERE p.retired_at IS NULL AND EXISTS (SELECT FROM recsys.list_count_rows AS x WHERE x.publication_id = p.id) LOOP
    EXECUTE format(
      'WITH moved AS ('
      '  SELECT o.segment AS before, n.segment AS after, l.variant, l.rung, l.short_reason, count(*) AS lists, '
      '         sum(least(cardinality(l.items), $2))::bigint AS places '
      '  FROM old_users AS o JOIN new_users AS n ON n.user_key = o.user_key AND n.segment IS DISTINCT FROM o.segment '
      '  JOIN recsys.%I AS l ON l.publication_id = $1 AND l.user_key = o.user_key GROUP BY 1, 2, 3, 4, 5), '
      'less AS ('
      '  UPDATE recsys.list_count_rows AS x SET lists = x.lists + m.lists, places = x.places + m.places '
      '  FROM (SELECT d.segment, d.variant, d.rung, d.short_reason, sum(d.lists)::bigint AS lists, sum(d.places)::bigint AS places '
      '        FROM (SELECT m.before AS segment, m.variant, m.rung, m.short_reason, -m.lists AS lists, -m.places AS places FROM moved AS m '
      '              UNION ALL SELECT m.after, m.variant, m.rung, m.short_reason, m.lists, m.places FROM moved AS m) AS d '
      '        GROUP BY 1, 2, 3, 4) AS m '
      '  WHERE x.publication_id = $1 AND (x.segment, x.variant, x.rung, x.short_reason) '
      '    IS NOT DISTINCT FROM (m.segment, m.variant, m.rung, m.short_reason)) '
      'INSERT INTO recsys.list_count_rows (publication_id, segment, variant, rung, short_reason, lists, places) '
      'SELECT $1, m.after, m.variant, m.rung, m.short_reason, sum(m.lists)::bigint, sum(m.places)::bigint FROM moved AS m '
      'WHERE NOT EXISTS (SELECT FROM recsys.list_count_rows AS x WHERE x.publication_id = $1 '
      '                  AND (x.segment, x.variant, x.rung, x.short_reason) '
      '                    IS NOT DISTINCT FROM (m.after, m.variant, m.rung, m.short_reason)) '
      'GROUP BY m.after, m.variant, m.rung, m.short_reason', 'list_rows_' || one.id)
    USING one.id, one.k;
    DELETE FROM recsys.list_count_rows AS x WHERE x.publication_id = one.id AND x.lists <= 0;
  END LOOP;
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.move_lists FROM PUBLIC;

COMMENT ON FUNCTION recsys.move_lists IS
  'Trigger that counts the lists of users whose segment has changed under their new one, in list_counts.';
