-- What analysts ask of whole publications, counted once when a publication is complete: a scan of 100 million list
-- entries answers no question within two seconds.

-- One row per publication and item of its catalogue; an item that no list shows has zeros.
CREATE TABLE recsys.item_exposure_rows (
  publication_id bigint NOT NULL,
  item_key       int    NOT NULL,
  lists          int    NOT NULL,
  first_places   int    NOT NULL,
  PRIMARY KEY (publication_id, item_key)
);

CREATE TABLE recsys.list_count_rows (
  publication_id bigint   NOT NULL,
  segment        text,
  variant        text     NOT NULL,
  rung           smallint NOT NULL,
  short_reason   text,
  lists          bigint   NOT NULL,
  places         bigint   NOT NULL
);
CREATE INDEX list_count_rows_publication ON recsys.list_count_rows (publication_id);
GRANT SELECT ON recsys.item_exposure_rows, recsys.list_count_rows TO recsys_writer;

-- Every entry is counted once, for the checks and for the analysts; items that only spares name have no lists, and a
-- null entry counts as item -1, which the checks do not know.
CREATE FUNCTION recsys.count_entries(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE
  name text := 'list_rows_' || publication;
  shown int := (SELECT p.k FROM recsys.publication AS p WHERE p.id = publication);
BEGIN
  DELETE FROM recsys.item_exposure_rows AS x WHERE x.publication_id = publication;
  -- CREATE TABLE AS may use parallel workers, INSERT … SELECT may not; and only plain counts are added up by them.
  EXECUTE format('CREATE TEMP TABLE counted_items ON COMMIT DROP AS '
                 'SELECT coalesce(e.item_key, -1) AS item_key, sum(e.lists)::int AS lists FROM ('
                 'SELECT unnest(l.items[1:%1$s]) AS item_key, count(*) AS lists FROM recsys.%2$I AS l GROUP BY 1 '
                 'UNION ALL '
                 'SELECT unnest(l.items[%1$s + 1:]), 0 FROM recsys.%2$I AS l GROUP BY 1) AS e GROUP BY 1',
                 shown, name);
  EXECUTE format('CREATE TEMP TABLE counted_firsts ON COMMIT DROP AS '
                 'SELECT l.items[1] AS item_key, count(*)::int AS lists FROM recsys.%I AS l GROUP BY 1', name);
  INSERT INTO recsys.item_exposure_rows (publication_id, item_key, lists, first_places)
  SELECT publication, c.item_key, c.lists, coalesce(f.lists, 0)
  FROM pg_temp.counted_items AS c
  LEFT JOIN pg_temp.counted_firsts AS f ON f.item_key = c.item_key;
  DROP TABLE pg_temp.counted_items, pg_temp.counted_firsts;
END $$;

-- For analysts, once the entries are counted: items that no list shows, and the lists by kind.
CREATE FUNCTION recsys.summarise_publication(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
DECLARE
  name text := 'list_rows_' || publication;
  shown int := (SELECT p.k FROM recsys.publication AS p WHERE p.id = publication);
BEGIN
  DELETE FROM recsys.list_count_rows AS x WHERE x.publication_id = publication;
  INSERT INTO recsys.item_exposure_rows (publication_id, item_key, lists, first_places)
  SELECT publication, a.item_key, 0, 0 FROM recsys.items AS a WHERE a.available ON CONFLICT DO NOTHING;
  EXECUTE format('CREATE TEMP TABLE counted_lists ON COMMIT DROP AS '
                 'SELECT u.segment, l.variant, l.rung, l.short_reason, count(*) AS lists, '
                 'sum(least(cardinality(l.items), %s))::bigint AS places '
                 'FROM recsys.%I AS l JOIN recsys.users AS u ON u.user_key = l.user_key GROUP BY 1, 2, 3, 4', shown, name);
  INSERT INTO recsys.list_count_rows SELECT publication, c.* FROM pg_temp.counted_lists AS c;
  DROP TABLE pg_temp.counted_lists;
END $$;

-- One list less in the counts, before its row goes: an erased user leaves no trace there either.
CREATE FUNCTION recsys.uncount_list(publication bigint, erased_key int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  one record;
BEGIN
  EXECUTE format('SELECT l.items[1:p.k] AS items, l.variant, l.rung, l.short_reason, u.segment '
                 'FROM recsys.%I AS l JOIN recsys.publication AS p ON p.id = l.publication_id '
                 'LEFT JOIN recsys.users AS u ON u.user_key = l.user_key '
                 'WHERE l.publication_id = $1 AND l.user_key = $2', 'list_rows_' || publication)
    INTO one USING publication, erased_key;
  UPDATE recsys.item_exposure_rows AS x
  SET lists = x.lists - 1, first_places = x.first_places - (e.rank = 1)::int
  FROM unnest(one.items) WITH ORDINALITY AS e(item_key, rank)
  WHERE x.publication_id = publication AND x.item_key = e.item_key;
  UPDATE recsys.list_count_rows AS x SET lists = x.lists - 1, places = x.places - cardinality(one.items)
  WHERE x.publication_id = publication
    AND (x.segment, x.variant, x.rung, x.short_reason)
        IS NOT DISTINCT FROM (one.segment, one.variant, one.rung, one.short_reason);
  DELETE FROM recsys.list_count_rows AS x WHERE x.publication_id = publication AND x.lists <= 0;
END $$;

-- With its lists, a publication's counts by item go; its counts of lists are few and stay.
CREATE FUNCTION recsys.forget_exposure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM recsys.item_exposure_rows AS x WHERE x.publication_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER forget_exposure AFTER UPDATE OF retired_at ON recsys.publication
  FOR EACH ROW WHEN (NEW.retired_at IS NOT NULL AND OLD.retired_at IS NULL)
  EXECUTE FUNCTION recsys.forget_exposure();

REVOKE EXECUTE ON FUNCTION recsys.skip_erased, recsys.prose_columns, recsys.erase_user, recsys.count_entries,
  recsys.summarise_publication, recsys.uncount_list, recsys.forget_exposure FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.prose_columns, recsys.erase_user, recsys.count_entries, recsys.summarise_publication
  TO recsys_writer;

SELECT recsys.count_entries(p.id), recsys.summarise_publication(p.id) FROM recsys.publication AS p
WHERE p.retired_at IS NULL AND p.status IN ('ready', 'published', 'held');

-- --- readers' views ----------------------------------------------------------------------------

CREATE VIEW recsys.item_exposure AS
SELECT x.publication_id, p.as_of, i.item_id, i.title, i.category, x.lists, x.first_places,
       x.lists::float8 / nullif(p.rows, 0) AS share
FROM recsys.item_exposure_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id
JOIN recsys.items AS i ON i.item_key = x.item_key
WHERE p.status IN ('ready', 'published', 'held');

CREATE VIEW recsys.list_counts AS
SELECT x.publication_id, p.as_of, x.segment, x.variant,
       (ARRAY['heavy', 'light', 'retrieval', 'previous', 'popularity'])[x.rung + 1] AS rung,
       x.short_reason, x.lists, x.places
FROM recsys.list_count_rows AS x
JOIN recsys.publication AS p ON p.id = x.publication_id;

-- One key of every `step`, at a place of its own in each, so that no order among the keys shows in the sample. A power
-- of two, so that the sample stays the same until the shop has doubled.
CREATE VIEW recsys.user_sample AS
SELECT u.user_id, u.segment
FROM (SELECT k.last, (2 ^ greatest(floor(log(2, greatest(k.last, 1) / 500.0)), 0))::int AS step
      FROM (SELECT coalesce(max(m.user_key), 0) AS last FROM recsys.users AS m) AS k
      OFFSET 0) AS keys  -- or the power is taken again for each row that the sample is compared with
CROSS JOIN LATERAL generate_series(0, keys.last / keys.step) AS s(block)
JOIN recsys.users AS u ON u.user_key = s.block * keys.step + (hashint4(s.block) & (keys.step - 1));

CREATE VIEW recsys.publication_moves AS
SELECT m.id, m.moved_at, m.moved_by, m.why, m.from_publication, f.as_of AS from_as_of, m.to_publication,
       t.as_of AS to_as_of
FROM recsys.pointer_moves AS m
LEFT JOIN recsys.publication AS f ON f.id = m.from_publication
JOIN recsys.publication AS t ON t.id = m.to_publication;

GRANT SELECT ON recsys.item_exposure, recsys.list_counts, recsys.user_sample, recsys.publication_moves
  TO recsys_reader, recsys_writer;
