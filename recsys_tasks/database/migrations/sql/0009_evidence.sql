-- What a load counted of the lists that it sent, and the transaction that it was: every row carries that number too.
ALTER TABLE recsys.shard_loads ADD COLUMN clean boolean, ADD COLUMN loaded_by xid;

CREATE TABLE recsys.shard_entries (
  publication_id bigint   NOT NULL,
  shard          smallint NOT NULL,
  item_key       int      NOT NULL,
  lists          int      NOT NULL,
  first_places   int      NOT NULL
);

CREATE INDEX shard_entries_publication ON recsys.shard_entries (publication_id, shard);

GRANT SELECT, INSERT, DELETE ON recsys.shard_entries TO recsys_writer;

COMMENT ON TABLE recsys.shard_entries IS
  'How many lists of a shard name an item within k, and begin with it; gone once the publication is sealed.';
