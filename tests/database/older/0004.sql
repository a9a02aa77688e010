-- Erasing one user, and what proves it.

-- One line when an erasure begins and one when a search of everything found nothing; the id itself is in neither.
CREATE TABLE recsys.erasures (
  id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at        timestamptz NOT NULL,
  event     text        NOT NULL CHECK (event IN ('begun', 'proved')),
  user_hash text        NOT NULL,
  who       text        NOT NULL,
  why       text        NOT NULL,
  record    jsonb       NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recsys.erasures
  FOR EACH STATEMENT EXECUTE FUNCTION recsys.refuse_change();
GRANT SELECT, INSERT ON recsys.erasures TO recsys_writer;

-- What people wrote ("user u17 complained") stands in append-only tables, too: erase_user() alone may change it.
CREATE OR REPLACE FUNCTION recsys.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('recsys.erasing', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'recsys.% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- An erased user's key stays taken in the lake's id map, with an empty text: here it has no row at all.
CREATE FUNCTION recsys.skip_erased() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN NULL;
END $$;
CREATE TRIGGER skip_erased BEFORE INSERT ON recsys.users
  FOR EACH ROW WHEN (NEW.user_id = '') EXECUTE FUNCTION recsys.skip_erased();

-- Columns in which a person or a message may have named a user.
CREATE FUNCTION recsys.prose_columns() RETURNS TABLE (in_table text, in_column text, kind text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
  FROM (VALUES ('publication', 'note'), ('publication', 'checks'),
               ('current_publication', 'moved_by'), ('current_publication', 'why'),
               ('pointer_moves', 'moved_by'), ('pointer_moves', 'why'), ('hold', 'who'), ('hold', 'why'),
               ('release_events', 'who'), ('release_events', 'why'),
               ('gate_decision_rows', 'paragraph'), ('gate_decision_rows', 'rules'),
               ('tower_versions', 'ledger'), ('metric_rows', 'extra'), ('stage_runs', 'figures'),
               ('alert_rows', 'message'), ('alert_rows', 'reader_state'), ('alert_rows', 'remedy'),
               ('alert_rows', 'delivered')) AS p(in_table, in_column)
  JOIN pg_class AS c ON c.relnamespace = 'recsys'::regnamespace AND c.relname = p.in_table
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = p.in_column AND NOT a.attisdropped
$$;

-- What each table holds of a user; unless it is a dry run, all of it goes. One transaction: readers see all or nothing.
-- `mention` is a regular expression for the user in prose; a list's row also leaves the counts made of it.
CREATE FUNCTION recsys.erase_user(erased_key int, erased_id text, mention text, dry_run boolean)
RETURNS TABLE (place text, held bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE target record;
BEGIN
  IF erased_id = '' OR mention = '' THEN
    RAISE EXCEPTION 'an id is never empty' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR target IN SELECT c.relname AS name, substring(c.relname FROM '[0-9]+$')::bigint AS id FROM pg_class AS c
                WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^list_rows_[0-9]+$'
                ORDER BY 2 LOOP
    place := target.name;
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
      INTO held USING target.id, erased_key;
    IF held > 0 AND NOT dry_run THEN
      PERFORM recsys.uncount_list(target.id, erased_key);
      EXECUTE format('DELETE FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
        USING target.id, erased_key;
      UPDATE recsys.publication AS p SET rows = p.rows - erase_user.held, expected_rows = p.expected_rows - erase_user.held
      WHERE p.id = target.id;
    END IF;
    RETURN NEXT;
  END LOOP;

  place := 'forbidden_rows';
  SELECT count(*) INTO held FROM recsys.forbidden_rows AS f WHERE f.user_key = erased_key;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.forbidden_rows AS f WHERE f.user_key = erased_key;
  END IF;
  RETURN NEXT;

  place := 'users';
  SELECT count(*) INTO held FROM recsys.users AS u WHERE u.user_key = erased_key OR u.user_id = erased_id;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.users AS u WHERE u.user_key = erased_key OR u.user_id = erased_id;
  END IF;
  RETURN NEXT;

  PERFORM set_config('recsys.erasing', CASE WHEN dry_run THEN 'off' ELSE 'on' END, true);
  FOR target IN SELECT * FROM recsys.prose_columns() LOOP
    place := target.in_table || '.' || target.in_column;
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE %I::text ~ $1', target.in_table, target.in_column)
      INTO held USING mention;
    IF held > 0 AND NOT dry_run THEN
      EXECUTE format('UPDATE recsys.%I SET %2$I = regexp_replace(%2$I::text, $1, ''(erased)'', ''g'')::%3$s WHERE %2$I::text ~ $1',
                     target.in_table, target.in_column, target.kind) USING mention;
    END IF;
    RETURN NEXT;
  END LOOP;
  PERFORM set_config('recsys.erasing', 'off', true);
END $$;

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

COMMENT ON VIEW recsys.item_exposure IS
  'How often the lists of each kept publication show each item, in their first k places: one row per publication and item of its catalogue, zeros for items that no list shows.';
COMMENT ON COLUMN recsys.item_exposure.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.item_exposure.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.item_exposure.item_id IS 'The shop''s item id.';
COMMENT ON COLUMN recsys.item_exposure.title IS 'Title, or the id where there is none.';
COMMENT ON COLUMN recsys.item_exposure.category IS 'The item''s category; null where the settings name none.';
COMMENT ON COLUMN recsys.item_exposure.lists IS 'Lists that show the item.';
COMMENT ON COLUMN recsys.item_exposure.first_places IS 'Lists that show it first.';
COMMENT ON COLUMN recsys.item_exposure.share IS 'Share of the publication''s lists that show it, in [0, 1].';

COMMENT ON VIEW recsys.list_counts IS
  'How many lists of each publication are alike in segment, variant, rung and shortness: one row per such group, kept after the lists themselves are gone.';
COMMENT ON COLUMN recsys.list_counts.publication_id IS 'Publication it belongs to.';
COMMENT ON COLUMN recsys.list_counts.as_of IS
  'Night it was made for: it knows what happened before 00:00 UTC of this date.';
COMMENT ON COLUMN recsys.list_counts.segment IS 'Value of the users'' segment attribute; null without one.';
COMMENT ON COLUMN recsys.list_counts.variant IS 'Experiment variant of the users.';
COMMENT ON COLUMN recsys.list_counts.rung IS
  'How the lists were made, best first: heavy, light, retrieval, previous or popularity.';
COMMENT ON COLUMN recsys.list_counts.short_reason IS 'Why the lists have fewer than k items; null for full ones.';
COMMENT ON COLUMN recsys.list_counts.lists IS 'Number of lists.';
COMMENT ON COLUMN recsys.list_counts.places IS 'Items in their first k places together.';

COMMENT ON VIEW recsys.user_sample IS
  'A fixed sample of 500 to 1,000 users (all of them in a smaller shop), the same every night until the shop has doubled: for questions about single lists of a large shop.';
COMMENT ON COLUMN recsys.user_sample.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.user_sample.segment IS 'Value of the user''s segment attribute; null without one.';

COMMENT ON VIEW recsys.publication_moves IS
  'Every time readers were shown another publication, by a night or by a person; rows never change.';
COMMENT ON COLUMN recsys.publication_moves.id IS 'Running number.';
COMMENT ON COLUMN recsys.publication_moves.moved_at IS 'When.';
COMMENT ON COLUMN recsys.publication_moves.moved_by IS 'Who: "nightly", or the person who rolled back or resumed.';
COMMENT ON COLUMN recsys.publication_moves.why IS 'published, resumed, or "rollback: " and the reason given.';
COMMENT ON COLUMN recsys.publication_moves.from_publication IS 'What readers saw before; null the first time.';
COMMENT ON COLUMN recsys.publication_moves.from_as_of IS 'Night of that publication.';
COMMENT ON COLUMN recsys.publication_moves.to_publication IS 'What they saw from then on.';
COMMENT ON COLUMN recsys.publication_moves.to_as_of IS 'Night of that publication.';

COMMENT ON TABLE recsys.erasures IS
  'Erasures of users: a line when one begins, a line when a search of everything found nothing; append-only, without ids.';

COMMENT ON FUNCTION recsys.open_partition IS 'Make the table of a new publication''s lists, not seen by readers.';
COMMENT ON FUNCTION recsys.seal_partition IS 'Index a loaded publication''s lists, attach them, and take the writer''s rights to change them.';
COMMENT ON FUNCTION recsys.drop_partition IS 'Drop a publication''s lists; refused for the one that readers see.';
COMMENT ON FUNCTION recsys.distinct_entries IS 'How many different numbers a list holds; the checks of a publication ask it.';
COMMENT ON FUNCTION recsys.forget_row_hash IS 'Trigger that makes the next night compare a row that was changed by hand.';
COMMENT ON FUNCTION recsys.refuse_change IS 'Trigger that makes a table append-only.';
COMMENT ON FUNCTION recsys.skip_erased IS 'Trigger that keeps the reserved keys of erased users out of recsys.users.';
COMMENT ON FUNCTION recsys.prose_columns IS 'Columns in which a person or a message may have named a user.';
COMMENT ON FUNCTION recsys.erase_user IS
  'Count what each table holds of one user and, unless it is a dry run, remove it; `recsys erase-user` calls it.';
COMMENT ON FUNCTION recsys.count_entries IS
  'Count the entries of a loaded publication''s lists by item, for its checks and for item_exposure.';
COMMENT ON FUNCTION recsys.summarise_publication IS
  'Count a checked publication''s lists by kind, for list_counts, and add the items that none of them shows.';
COMMENT ON FUNCTION recsys.uncount_list IS 'Take one list out of these counts.';
COMMENT ON FUNCTION recsys.forget_exposure IS 'Trigger that drops the counts by item of a retired publication.';
