-- The warm-start ledger, one row a tower version, for everyone who reads.

ALTER TABLE recsys.tower_versions RENAME TO tower_version_rows;

-- A version trained again on corrected data took the place of the one before.
DELETE FROM recsys.tower_version_rows AS o USING recsys.tower_version_rows AS n
WHERE o.lineage = n.lineage AND o.learned_before = n.learned_before
  AND (o.recorded_at, o.artifact) < (n.recorded_at, n.artifact);

ALTER TABLE recsys.tower_version_rows DROP CONSTRAINT tower_versions_pkey,
  ADD CONSTRAINT tower_version_rows_pkey PRIMARY KEY (lineage, learned_before);

-- Item and user vectors for nearest-neighbour queries in SQL, where pgvector is installed and the settings ask for it.
--
-- A set of vectors is two tables, loaded and indexed unseen, then shown by pointing two views at them. Nothing here
-- names a type or an operator of pgvector until it is needed: a server without it takes this revision all the same.

CREATE TABLE recsys.vector_sets (
  id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of         date        NOT NULL,
  tower_version text        NOT NULL,
  content       text        NOT NULL,
  dimensions    int         NOT NULL CHECK (dimensions BETWEEN 1 AND 2000),
  shown_at      timestamptz
);

GRANT SELECT ON recsys.vector_sets TO recsys_writer;
