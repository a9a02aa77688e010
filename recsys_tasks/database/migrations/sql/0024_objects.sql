-- Which file of sql/objects each view and function was last made from.
CREATE TABLE recsys.sql_objects (
  name   text PRIMARY KEY,
  digest text NOT NULL
);
GRANT SELECT ON recsys.sql_objects TO recsys_writer;
COMMENT ON TABLE recsys.sql_objects IS
  'Digest of the file that each view and function was made from, so that only what changed is made again.';
