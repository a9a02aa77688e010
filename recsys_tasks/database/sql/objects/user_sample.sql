-- One key of every `step`, at a place of its own in each, so that no order among the keys shows in the sample. A power
-- of two, so that the sample stays the same until the shop has doubled.
CREATE OR REPLACE VIEW recsys.user_sample AS
SELECT u.user_id, u.segment
FROM (SELECT k.last, (2 ^ greatest(floor(log(2, greatest(k.last, 1) / 500.0)), 0))::int AS step
      FROM (SELECT coalesce(max(m.user_key), 0) AS last FROM recsys.users AS m) AS k
      OFFSET 0) AS keys  -- or the power is taken again for each row that the sample is compared with
CROSS JOIN LATERAL generate_series(0, keys.last / keys.step) AS s(block)
JOIN recsys.users AS u ON u.user_key = s.block * keys.step + (hashint4(s.block) & (keys.step - 1));

GRANT SELECT ON recsys.user_sample TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.user_sample IS
  'A fixed sample of 500 to 1,000 users (all of them in a smaller shop), the same every night until the shop has doubled: for questions about single lists of a large shop.';
COMMENT ON COLUMN recsys.user_sample.user_id IS 'The shop''s user id.';
COMMENT ON COLUMN recsys.user_sample.segment IS 'Value of the user''s segment attribute; null without one.';
