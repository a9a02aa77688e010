-- What each table holds of a user; unless it is a dry run, all of it goes. One transaction: readers see all or nothing.
-- `mention` is a regular expression for the user in prose; a list's row also leaves the counts made of it.
CREATE OR REPLACE FUNCTION recsys.erase_user(erased_key int, erased_id text, mention text, dry_run boolean)
RETURNS TABLE (place text, held bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE target record;
BEGIN
  IF erased_id = '' OR mention = '' THEN
    RAISE EXCEPTION 'an id is never empty' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT dry_run THEN
    PERFORM recsys.uncount_user(erased_key);
  END IF;
  FOR target IN SELECT c.relname AS name, substring(c.relname FROM '[0-9]+$')::bigint AS id FROM pg_class AS c
                WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^(list|withheld)_rows_[0-9]+$'
                ORDER BY 2, 1 LOOP
    place := target.name;
    EXECUTE format('SELECT count(*) FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
      INTO held USING target.id, erased_key;
    IF held > 0 AND NOT dry_run THEN
      IF target.name ~ '^list' THEN
        PERFORM recsys.uncount_list(target.id, erased_key);
        UPDATE recsys.publication AS p SET rows = p.rows - erase_user.held, expected_rows = p.expected_rows - erase_user.held,
          erased_lists = p.erased_lists + erase_user.held
        WHERE p.id = target.id;
      END IF;
      EXECUTE format('DELETE FROM recsys.%I WHERE publication_id = $1 AND user_key = $2', target.name)
        USING target.id, erased_key;
    END IF;
    RETURN NEXT;
  END LOOP;

  place := 'forbidden_rows';
  SELECT count(*) INTO held FROM recsys.forbidden_rows AS f WHERE f.user_key = erased_key;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.forbidden_rows AS f WHERE f.user_key = erased_key;
  END IF;
  RETURN NEXT;

  place := 'outcome_rows';
  SELECT count(*) INTO held FROM recsys.outcome_rows AS o WHERE o.user_key = erased_key;
  IF held > 0 AND NOT dry_run THEN
    UPDATE recsys.outcome_count_rows AS x
    SET places_with = x.places_with - 1, times = x.times - o.times, amount = x.amount - coalesce(o.amount, 0)
    FROM recsys.outcome_rows AS o
    WHERE o.user_key = erased_key AND x.publication_id = o.publication_id AND x.segment = o.segment AND x.rank = o.rank
      AND x.reason = o.reason AND x.event = o.event;
    DELETE FROM recsys.outcome_count_rows AS x WHERE x.places_with <= 0;
    DELETE FROM recsys.outcome_rows AS o WHERE o.user_key = erased_key;
  END IF;
  RETURN NEXT;

  place := 'again_rows';
  SELECT count(*) INTO held FROM recsys.again_rows AS g WHERE g.user_key = erased_key;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.again_rows AS g WHERE g.user_key = erased_key;
  END IF;
  RETURN NEXT;

  place := 'liked_rows';
  SELECT count(*) INTO held FROM recsys.liked_rows AS r WHERE r.user_key = erased_key;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.liked_rows AS r WHERE r.user_key = erased_key;
  END IF;
  RETURN NEXT;

  place := 'place_reason_rows';
  SELECT count(*) INTO held FROM recsys.place_reason_rows AS r WHERE r.user_key = erased_key;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.place_reason_rows AS r WHERE r.user_key = erased_key;
  END IF;
  RETURN NEXT;

  place := 'list_change_rows';
  SELECT count(*) INTO held FROM recsys.list_change_rows AS x WHERE x.user_key = erased_key;
  IF held > 0 AND NOT dry_run THEN
    DELETE FROM recsys.list_change_rows AS x WHERE x.user_key = erased_key;
  END IF;
  RETURN NEXT;

  place := 'user_vectors';
  held := recsys.erase_vectors(erased_key, dry_run);
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

REVOKE EXECUTE ON FUNCTION recsys.erase_user FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.erase_user TO recsys_writer;

COMMENT ON FUNCTION recsys.erase_user IS
  'Count what each table holds of one user and, unless it is a dry run, remove it; `recsys erase-user` calls it.';
