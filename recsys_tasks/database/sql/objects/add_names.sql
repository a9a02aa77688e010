-- The sets are kept, not made from the bits for each entry: a hundred million entries are read with one hash join.
CREATE OR REPLACE FUNCTION recsys.add_names(source_bits int[], sources text[], reasons text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO recsys.source_names (bit, name) SELECT * FROM unnest(source_bits, sources) ON CONFLICT DO NOTHING;
  INSERT INTO recsys.reason_names (code, name)
  SELECT r.n - 1, r.name FROM unnest(reasons) WITH ORDINALITY AS r(name, n) ON CONFLICT DO NOTHING;
  WITH RECURSIVE sets AS (
    SELECT 0 AS mask, '{}'::text[] AS names, -1 AS last
    UNION ALL
    SELECT s.mask | (1 << n.bit), s.names || n.name, n.bit::int
    FROM sets AS s JOIN recsys.source_names AS n ON n.bit > s.last
  )
  INSERT INTO recsys.source_sets (mask, names) SELECT s.mask, s.names FROM sets AS s ON CONFLICT DO NOTHING;
END $$;

REVOKE EXECUTE ON FUNCTION recsys.add_names FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.add_names TO recsys_writer;

COMMENT ON FUNCTION recsys.add_names IS
  'Add names of candidate generators, by their bits, and of reasons, in the order of their codes; those that are there stay.';
