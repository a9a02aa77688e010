-- Tables of the serving schema. Readers never see them: they get views and recsys.recommend().

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['recsys_reader', 'recsys_writer', 'recsys_availability'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
  END LOOP;
END $$;

REVOKE ALL ON SCHEMA recsys FROM PUBLIC;
GRANT USAGE ON SCHEMA recsys TO recsys_reader, recsys_writer, recsys_availability;

-- --- who and what ----------------------------------------------------------------------------

CREATE TABLE recsys.users (
  user_key   int   PRIMARY KEY,
  user_id    text  NOT NULL UNIQUE,
  segment    text,
  attributes jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE recsys.items (
  item_key   int     PRIMARY KEY,
  item_id    text    NOT NULL UNIQUE,
  title      text    NOT NULL,
  category   text,
  attributes jsonb   NOT NULL DEFAULT '{}',
  available  boolean NOT NULL
);

CREATE TABLE recsys.item_availability (
  item_id    text        PRIMARY KEY,
  available  boolean     NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE recsys.source_sets (
  mask  smallint PRIMARY KEY,
  names text[]   NOT NULL
);
INSERT INTO recsys.source_sets
SELECT mask, ARRAY(SELECT s.name
                   FROM unnest(ARRAY['two_tower', 'covisitation', 'own_history', 'segment_popular', 'trending', 'fresh'])
                        WITH ORDINALITY AS s(name, n)
                   WHERE (mask >> (s.n - 1)::int) & 1 = 1
                   ORDER BY s.n)
FROM generate_series(0, 63) AS mask;

-- --- publications ----------------------------------------------------------------------------

CREATE SEQUENCE recsys.fence_seq;

CREATE TABLE recsys.publication (
  id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of          date        NOT NULL,
  fingerprint    text        NOT NULL,
  release        text,
  tower_version  text,
  learned_before date        NOT NULL,
  history_before date        NOT NULL,
  k              smallint    NOT NULL CHECK (k > 0),
  spares         smallint    NOT NULL CHECK (spares >= 0),
  shards         smallint    NOT NULL CHECK (shards > 0),
  expected_rows  bigint      NOT NULL CHECK (expected_rows >= 0),
  rows           bigint,
  status         text        NOT NULL DEFAULT 'building'
                             CHECK (status IN ('building', 'ready', 'published', 'held', 'failed')),
  checks         jsonb       NOT NULL DEFAULT '[]',
  note           text,
  fence          bigint      NOT NULL DEFAULT nextval('recsys.fence_seq'),
  created_at     timestamptz NOT NULL,
  published_at   timestamptz,
  retired_at     timestamptz
);
CREATE INDEX publication_as_of ON recsys.publication (as_of DESC, id DESC);

CREATE TABLE recsys.list_rows (
  publication_id bigint     NOT NULL,
  shard          smallint   NOT NULL,
  user_key       int        NOT NULL,
  variant        text       NOT NULL,
  rung           smallint   NOT NULL,
  items          int[]      NOT NULL,
  scores         real[]     NOT NULL,
  sources        smallint[] NOT NULL,
  reasons        smallint[] NOT NULL,
  reason_items   int[]      NOT NULL,
  ranks_before   smallint[] NOT NULL,
  propensities   real[]     NOT NULL,
  short_reason   text,
  PRIMARY KEY (publication_id, user_key)
) PARTITION BY LIST (publication_id);

CREATE TABLE recsys.fallback_rows (
  publication_id bigint NOT NULL REFERENCES recsys.publication,
  segment        text   NOT NULL,
  items          int[]  NOT NULL,
  scores         real[] NOT NULL,
  PRIMARY KEY (publication_id, segment)
);

CREATE TABLE recsys.similar_rows (
  publication_id bigint NOT NULL REFERENCES recsys.publication,
  item_key       int    NOT NULL,
  items          int[]  NOT NULL,
  scores         real[] NOT NULL,
  PRIMARY KEY (publication_id, item_key)
);

-- Pairs that a publication must not show; kept only while it is checked, so no need to survive a crash.
CREATE UNLOGGED TABLE recsys.forbidden_rows (
  publication_id bigint NOT NULL,
  user_key       int    NOT NULL,
  item_key       int    NOT NULL
);

-- One row at most: `singleton` can be nothing but true.
CREATE TABLE recsys.current_publication (
  singleton      boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
  publication_id bigint      NOT NULL REFERENCES recsys.publication,
  fence          bigint      NOT NULL,
  moved_at       timestamptz NOT NULL,
  moved_by       text        NOT NULL,
  why            text        NOT NULL
);

CREATE TABLE recsys.pointer_moves (
  id               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_publication bigint,
  to_publication   bigint      NOT NULL,
  fence            bigint      NOT NULL,
  moved_at         timestamptz NOT NULL,
  moved_by         text        NOT NULL,
  why              text        NOT NULL
);

CREATE TABLE recsys.hold (
  singleton boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
  who   text        NOT NULL,
  why   text        NOT NULL,
  since timestamptz NOT NULL
);

-- --- what happened ---------------------------------------------------------------------------

CREATE TABLE recsys.release_events (
  id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ts      timestamptz NOT NULL,
  event   text        NOT NULL CHECK (event IN ('registered', 'promoted', 'rejected', 'rolled_back', 'hand_moved')),
  release text        NOT NULL,
  who     text        NOT NULL,
  why     text        NOT NULL
);

CREATE TABLE recsys.gate_decision_rows (
  id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of      date        NOT NULL,
  challenger text,
  champion   text,
  verdict    text        NOT NULL,
  paragraph  text        NOT NULL,
  rules      jsonb       NOT NULL DEFAULT '[]',
  decided_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE recsys.tower_versions (
  lineage        text        NOT NULL,
  learned_before date        NOT NULL,
  artifact       text        NOT NULL,
  ledger         jsonb       NOT NULL DEFAULT '{}',
  recorded_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (lineage, learned_before, artifact)
);

CREATE TABLE recsys.metric_rows (
  as_of date             NOT NULL,
  scope text             NOT NULL,
  name  text             NOT NULL,
  value double precision,
  extra jsonb            NOT NULL DEFAULT '{}',
  PRIMARY KEY (as_of, scope, name)
);

CREATE TABLE recsys.stage_runs (
  id          bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of       date             NOT NULL,
  stage       text             NOT NULL,
  seconds     double precision NOT NULL,
  rows        bigint,
  figures     jsonb            NOT NULL DEFAULT '{}',
  artifact    text,
  finished_at timestamptz      NOT NULL DEFAULT now()
);
CREATE INDEX stage_runs_as_of ON recsys.stage_runs (as_of, stage);

CREATE TABLE recsys.alert_rows (
  id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident     text        NOT NULL UNIQUE,
  raised_at    timestamptz NOT NULL,
  as_of        date,
  dag          text,
  task         text,
  kind         text        NOT NULL,
  severity     text        NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  message      text        NOT NULL,
  reader_state text        NOT NULL,
  remedy       text        NOT NULL,
  runbook      text,
  delivered    jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX alert_rows_raised_at ON recsys.alert_rows (raised_at DESC);

CREATE FUNCTION recsys.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'recsys.% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recsys.release_events
  FOR EACH STATEMENT EXECUTE FUNCTION recsys.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recsys.gate_decision_rows
  FOR EACH STATEMENT EXECUTE FUNCTION recsys.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recsys.pointer_moves
  FOR EACH STATEMENT EXECUTE FUNCTION recsys.refuse_change();

-- --- partitions: the writer may fill them, only these functions may make and drop them ----------

CREATE FUNCTION recsys.open_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE name text := 'list_rows_' || publication;
BEGIN
  EXECUTE format('CREATE TABLE recsys.%I (LIKE recsys.list_rows)', name);
  EXECUTE format('GRANT SELECT, INSERT, DELETE ON recsys.%I TO recsys_writer', name);
END $$;

-- Primary key and bound after the load: building the index once is faster, and the CHECK spares ATTACH its scan.
CREATE FUNCTION recsys.seal_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE name text := 'list_rows_' || publication;
BEGIN
  EXECUTE format('ALTER TABLE recsys.%I ADD PRIMARY KEY (publication_id, user_key), '
                 'ADD CONSTRAINT bound CHECK (publication_id = %s)', name, publication);
  EXECUTE format('ALTER TABLE recsys.list_rows ATTACH PARTITION recsys.%I FOR VALUES IN (%s)', name, publication);
  EXECUTE format('ALTER TABLE recsys.%I DROP CONSTRAINT bound', name);
  EXECUTE format('REVOKE INSERT, DELETE ON recsys.%I FROM recsys_writer', name);
  EXECUTE format('ANALYZE recsys.%I', name);
END $$;

CREATE FUNCTION recsys.drop_partition(publication bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM recsys.current_publication AS c WHERE c.publication_id = publication) THEN
    RAISE EXCEPTION 'publication % is what readers see', publication USING ERRCODE = 'object_in_use';
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS recsys.%I', 'list_rows_' || publication);
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA recsys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recsys.open_partition, recsys.seal_partition, recsys.drop_partition TO recsys_writer;

GRANT SELECT, INSERT, UPDATE, DELETE ON
  recsys.users, recsys.items, recsys.item_availability, recsys.publication, recsys.fallback_rows, recsys.similar_rows,
  recsys.forbidden_rows, recsys.current_publication, recsys.hold, recsys.tower_versions, recsys.metric_rows, recsys.stage_runs, recsys.alert_rows
  TO recsys_writer;
GRANT SELECT ON recsys.list_rows, recsys.source_sets TO recsys_writer;
GRANT SELECT, INSERT ON recsys.release_events, recsys.gate_decision_rows, recsys.pointer_moves TO recsys_writer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA recsys TO recsys_writer;
GRANT SELECT, INSERT, UPDATE ON recsys.item_availability TO recsys_availability;
